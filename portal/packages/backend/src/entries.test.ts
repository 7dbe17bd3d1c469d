import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { retired, written } from './entries.ts';

const entry = { name: 'billing', team: 'mobility', template: 'node', description: 'Bills: 100 %' };

test('a new entry says what the form said, and nothing that is empty', () => {
  assert.deepEqual(parse(written({ ...entry, calls: [], topics: [], parameters: {} })), {
    team: 'mobility', template: 'node', description: 'Bills: 100 %',
  });
  const whole = { parameters: { port: 3001 }, topics: ['money'], calls: ['rental', 'https://bank.example'] };
  assert.deepEqual(parse(written({ ...entry, ...whole })), {
    team: 'mobility', template: 'node', description: 'Bills: 100 %', ...whole,
  });
});

test('a service that calls itself is refused', () => {
  assert.throws(() => written({ ...entry, calls: ['billing'] }), /does not call itself/);
});

const KEPT = [
  ['team: a  # whose\ntemplate: node\n', [], 'state: retired\nteam: a  # whose\ntemplate: node\n'],
  ['# why\n\nteam: a\nstate: active # yes\n', [], '# why\n\nteam: a\nstate: retired # yes\n'],
  ['{team: a, template: node}\n', [], '{team: a, template: node, state: retired}\n'],
  ['config:\n  idp:services:\n    x: {team: a,}  # one\n', ['config', 'idp:services', 'x'],
    'config:\n  idp:services:\n    x: {team: a, state: retired}  # one\n'],
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

test('what cannot be retired says why, and where', () => {
  assert.throws(() => retired('state: retired\n', [], 'services/x.yaml'), /services\/x.yaml: it is retired already/);
  assert.throws(() => retired('a: [\n', [], 'services/x.yaml'), /services\/x.yaml: /);
  assert.throws(() => retired('config: {}\n', ['config', 'idp:services', 'x'], 'Pulumi.dev.yaml'), /there is no entry/);
});
