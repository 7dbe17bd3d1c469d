import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EntityPolicies, FieldFormatEntityPolicy, SchemaValidEntityPolicy, componentEntityV1alpha1Validator } from '@backstage/catalog-model';
import { parse } from 'yaml';
import { info, retired, written } from './entries.ts';

const entry = { name: 'billing', team: 'mobility', template: 'node', description: 'Bills: 100 %' };

test('a new entry says what the form said, and nothing that is empty', () => {
  assert.deepEqual(parse(written({ ...entry, calls: [], topics: [], parameters: {}, system: '' })), {
    team: 'mobility', template: 'node', description: 'Bills: 100 %',
  });
  const whole = { parameters: { port: 3001 }, topics: ['money'], calls: ['rental', 'https://bank.example'], system: 'bank' };
  assert.deepEqual(parse(written({ ...entry, ...whole })), {
    team: 'mobility', template: 'node', description: 'Bills: 100 %', ...whole,
  });
});

test('a service that calls itself is refused', () => {
  assert.throws(() => written({ ...entry, calls: ['billing'] }), /does not call itself/);
});

test('what a repository says of itself is what Backstage takes', async () => {
  for (const slug of ['acme/legacy', 'acme/Old_App.js', `acme/${'x'.repeat(63)}`]) {
    const said = parse(info(slug, 'group:default/mobility', 'Was here: before', 'bank'));
    await EntityPolicies.allOf([new SchemaValidEntityPolicy(), new FieldFormatEntityPolicy()]).enforce(said);
    assert.ok(await componentEntityV1alpha1Validator.check(said));
    assert.equal(said.metadata.name, slug.slice(5).toLowerCase());
  }
});

const KEPT = [
  ['team: a  # whose\ntemplate: node\n', [], 'state: retired\nteam: a  # whose\ntemplate: node\n'],
  ['# why\n\nteam: a\nstate: active # yes\n', [], '# why\n\nteam: a\nstate: retired # yes\n'],
  ['{team: a, template: node}\n', [], '{state: retired, team: a, template: node}\n'],
  ['{ team: a }\n', [], '{state: retired, team: a }\n'],
  ['{}\n', [], '{state: retired}\n'],
  ['x: {\n  team: a, # whose\n  template: node # why\n}\n', ['x'], 'x: {state: retired,\n  team: a, # whose\n  template: node # why\n}\n'],
  ['config:\n  idp:services:\n    x: {team: a,}  # one\n', ['config', 'idp:services', 'x'],
    'config:\n  idp:services:\n    x: {state: retired, team: a,}  # one\n'],
  ['state:\nteam: a\n', [], 'state: retired\nteam: a\n'],
  ['team: a\nstate: # none\n', [], 'team: a\nstate: retired # none\n'],
  ['{team: a, state: }\n', [], '{team: a, state: retired }\n'],
  ["state: 'active'\nteam: a\n", [], 'state: retired\nteam: a\n'],
  ['config:\n  idp:services:\n    x:\n      team: a\n    no:\n      team: b\n', ['config', 'idp:services', 'no'],
    'config:\n  idp:services:\n    x:\n      team: a\n    no:\n      state: retired\n      team: b\n'],
  ['team: a\r\ntemplate: node\r\n', [], 'state: retired\nteam: a\r\ntemplate: node\r\n'],
] as const;

for (const [before, path, after] of KEPT) {
  test(`retiring changes one line of ${JSON.stringify(before)}`, () => {
    assert.equal(retired(before, path, 'f.yaml'), after);
    const entryOf = (text: string) => path.reduce((value, key) => value[key], parse(text));
    assert.deepEqual(entryOf(after), { ...entryOf(before), state: 'retired' });
  });
}

for (const [how, text] of Object.entries({
  'an entry that another one repeats': 'x: &x {team: a}\ny: *x\n',
  'a state that another place says': 'w: &w active\nx: {team: a, state: *w}\n',
  'a state without a value': 'x: {state, team: a}\n',
})) {
  test(`${how} is left to the command`, () => {
    assert.throws(() => retired(text, ['x'], 'Pulumi.dev.yaml'), /^InputError: Pulumi.dev.yaml: .*`python -m idp retire x`/);
  });
}

test('what cannot be retired says why, and where', () => {
  assert.throws(() => retired('state: retired\n', [], 'services/x.yaml'), /services\/x.yaml: it is retired already/);
  assert.throws(() => retired('a: [\n', [], 'services/x.yaml'), /services\/x.yaml: /);
  assert.throws(() => retired('config: {}\n', ['config', 'idp:services', 'x'], 'Pulumi.dev.yaml'), /there is no entry/);
});
