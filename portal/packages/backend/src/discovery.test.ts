import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ConfigReader } from '@backstage/config';
import { ScmIntegrations } from '@backstage/integration';
import { OwnRepository, repository } from './discovery.ts';

const MINE = 'https://github.com/acme/mine';
const SECRET = 'https://github.com/acme/secret';
const FILE = { type: 'url', target: `${MINE}/blob/main/catalog-info.yaml` };
const DOCS = 'backstage.io/techdocs-ref';
const SOURCE = 'backstage.io/source-location';

const processor = new OwnRepository(ScmIntegrations.fromConfig(new ConfigReader({})));

/** Both steps on an entity with these annotations and this definition; the catalog itself says where its source is. */
async function processed(annotations: Record<string, string>, definition: unknown = 'none', location = FILE) {
  const metadata = { name: 'mine', annotations: { [SOURCE]: `url:${MINE}/tree/main/`, ...annotations } };
  const entity = { apiVersion: 'backstage.io/v1alpha1', kind: 'API', metadata, spec: { definition: definition as string } };
  return processor.postProcessEntity(await processor.preProcessEntity(entity, location), location);
}

for (const address of [MINE, `${MINE}/`, `${MINE}/tree/main/docs/`, `${MINE}/tree/m%C3%BCnchen/a%20(b)/`, `${MINE}/blob/münchen/a b.md`]) {
  test(`${address} is of the repository that one sees in it`, () => assert.equal(repository(address), MINE));
}

for (const address of [
  `${MINE}/blob/main/..%5c..%5c..%5cacme%5csecret%5ccontents%5cplan.txt`, // requests have `\` for `/`
  `${MINE}/blob/main/%2e%2e%2f%2e%2e/secret/blob/main/plan.txt`,
  `${MINE}/blob/main/.%09./.%09./.%09./acme/secret/contents/plan.txt`, // and no tabs
  `${MINE}/tree/..%5c..%5c..%5csecret%5ccommits%5cmain`,
  `${MINE}/blob/main/%252e%252e/plan.txt`,
  `${MINE}/blob/%2e%2e/%2e%2e/%2e%2e/acme/secret/-/blob/main/plan.txt`,
  `${MINE}/../secret/tree/main`,
  `${MINE}/tree/main?at=other`,
  `${MINE}/contents/plan.txt%3f/blob/x`,
  `${MINE}/tree/main/projects/acme/repos/secret`, // Bitbucket's way to say acme/secret
  `${MINE}/blob/100%/catalog-info.yaml`,
  'https://ada:word@github.com/acme/mine/tree/main',
  'acme/mine',
  '',
]) {
  test(`\`${address}\` is of no repository for sure`, () => assert.equal(repository(address), undefined));
}

test('an entity reads its own repository', async () => {
  for (const docs of ['dir:.', 'dir:./docs-of-it', 'dir:/docs', `url:${MINE}`, `url:${MINE}/tree/other/docs`]) {
    await processed({ [DOCS]: docs });
  }
  await processed({ [DOCS]: 'dir:.', [SOURCE]: `url:${MINE}/tree/main/part/` });
  for (const definition of [{ $text: './openapi.yaml' }, { $yaml: `${MINE}/blob/main/openapi.yaml` }, '$text: nothing']) {
    await processed({}, definition);
  }
});

for (const docs of [
  `url:${SECRET}/tree/main`,
  `dir:${SECRET}/tree/main`,
  'dir:../../../secret/tree/main',
  'dir:/../../../secret/tree/main',
  'dir:projects/acme/repos/secret',
  `url:${MINE}-too/tree/main`,
  'url:https://github.example/acme/mine/tree/main',
  'file:/etc',
]) {
  test(`docs at ${docs} are refused, and what to write is said`, async () => {
    await assert.rejects(processed({ [DOCS]: docs }), { name: 'InputError', message: /^backstage\.io\/techdocs-ref: .* write `dir:\.`$/ });
  });
}

for (const source of [`url:${SECRET}/tree/main/`, 'file:/etc/', `file:${MINE}/`]) {
  test(`${source} is no source of what is elsewhere`, async () => {
    const said = /^InputError: backstage\.io\/source-location: .*; leave it out$/;
    await assert.rejects(processed({ [DOCS]: 'dir:.', [SOURCE]: source }), said);
  });
}

for (const [definition, key] of [
  [{ $text: `${SECRET}/tree/main` }, '$text'], // a folder: Backstage's own check looks at files only
  [{ $json: `${SECRET}/contents/plan.txt%3f/blob/x` }, '$json'],
  [[{ deep: { $yaml: `${MINE}/blob/main/..%5c..%5c..%5cacme%5csecret%5ccontents%5cplan.txt` } }], '$yaml'],
] as const) {
  test(`${JSON.stringify(definition)} is refused before it is read`, async () => {
    await assert.rejects(processed({}, definition), (error: Error) => error.message.startsWith(`${key}: `));
  });
}

test('a file whose own address could be read as another one is refused', async () => {
  const target = `${MINE}/blob/%2e%2e/%2e%2e/%2e%2e/acme/secret/-/blob/main/catalog-info.yaml`; // by the name of a branch
  await assert.rejects(processed({}, 'none', { type: 'url', target }), /could be read as another repository's address/);
});

test("the stack's own entities name any repository", async () => {
  const annotations = { [DOCS]: `url:${SECRET}/tree/main`, [SOURCE]: `url:${SECRET}/` };
  await processed(annotations, 'none', { type: 'file', target: '/app/catalog/0.yaml' });
});

test('it comes before what reads placeholders', () => assert.ok(processor.getPriority() < 20));
