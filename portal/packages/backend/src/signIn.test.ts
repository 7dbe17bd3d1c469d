import assert from 'node:assert/strict';
import { test } from 'node:test';
import { membership } from './signIn.ts';

const API = 'https://github.test/api/v3';
type Answers = Record<string, { status?: number; json?: unknown }>;

function github(answers: Answers) {
  const asked: string[] = [];
  const fetcher = async (url: string | URL | Request, init?: RequestInit) => {
    const path = String(url).slice(API.length);
    asked.push(`${path} ${(init?.headers as Record<string, string>).Authorization}`);
    const { status = 200, json = {} } = answers[path] ?? { status: 404 };
    return new Response(JSON.stringify(json), { status });
  };
  return { asked, ask: () => membership(API, 'acme', 'token', fetcher as typeof fetch) };
}

const MEMBER = { '/user/memberships/orgs/acme': { json: { state: 'active' } } };
const team = (slug: string, login = 'acme') => ({ slug, organization: { login } });

test('a member has the teams of this organization, and no other', async () => {
  const { ask, asked } = github({
    ...MEMBER,
    '/user/teams?per_page=100&page=1': { json: [team('mobility', 'Acme'), team('owners', 'other')] },
  });
  assert.deepEqual(await ask(), ['mobility']);
  assert.ok(asked.every(request => request.endsWith('Bearer token')));
});

test('a member outside every team gets in', async () => {
  assert.deepEqual(await github({ ...MEMBER, '/user/teams?per_page=100&page=1': { json: [] } }).ask(), []);
});

test('more than a page of teams is read to its end', async () => {
  const first = Array.from({ length: 100 }, (_, at) => team(`t${at}`));
  const slugs = await github({
    ...MEMBER,
    '/user/teams?per_page=100&page=1': { json: first },
    '/user/teams?per_page=100&page=2': { json: [team('last')] },
  }).ask();
  assert.equal(slugs.length, 101);
});

for (const [who, answers] of Object.entries({
  stranger: {},
  'one who is only invited': { '/user/memberships/orgs/acme': { json: { state: 'pending' } } },
  'one whose app the organization has not approved': { '/user/memberships/orgs/acme': { status: 403 } },
} as Record<string, Answers>)) {
  test(`${who} is refused`, async () => {
    await assert.rejects(github(answers).ask(), { name: 'NotAllowedError', message: /no member of the organization acme/ });
  });
}

test('a GitHub in trouble lets nobody in, and does not call a member a stranger', async () => {
  await assert.rejects(github({ '/user/memberships/orgs/acme': { status: 502 } }).ask(), /answered 502/);
  await assert.rejects(github({ ...MEMBER, '/user/teams?per_page=100&page=1': { status: 500 } }).ask(), /answered 500/);
});
