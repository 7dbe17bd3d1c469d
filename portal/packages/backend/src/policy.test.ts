import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AuthorizeResult } from '@backstage/plugin-permission-common';
import type { PolicyQueryUser } from '@backstage/plugin-permission-node';
import { MembersOnly } from './policy.ts';

const decide = async (name: string, user?: PolicyQueryUser) =>
  (await new MembersOnly().handle({ permission: { type: 'basic', name, attributes: {} } }, user)).result;
const ada = { token: '', identity: {}, info: {}, credentials: {} } as unknown as PolicyQueryUser;

test('nobody sees anything without signing in', async () => {
  assert.equal(await decide('catalog.entity.read'), AuthorizeResult.DENY);
});

test('whoever is signed in sees everything and uses the forms, and brings no entity and no template', async () => {
  for (const name of ['catalog.entity.read', 'scaffolder.task.create', 'kubernetes.proxy']) {
    assert.equal(await decide(name, ada), AuthorizeResult.ALLOW);
  }
  for (const name of [
    'catalog.entity.delete', 'catalog.entity.validate', 'catalog.location.analyze', 'catalog.location.create',
    'catalog.location.delete', 'scaffolder.template.dry-run', 'scaffolder.template.management',
  ]) {
    assert.equal(await decide(name, ada), AuthorizeResult.DENY);
  }
});
