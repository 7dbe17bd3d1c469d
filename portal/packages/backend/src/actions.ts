// The scaffolder's actions: a pull request for an entry, and catalog-info.yaml for a repository from elsewhere.
import { createHash } from 'node:crypto';
import { coreServices, createBackendModule } from '@backstage/backend-plugin-api';
import type { Config } from '@backstage/config';
import { ConflictError, InputError } from '@backstage/errors';
import { DefaultGithubCredentialsProvider, ScmIntegrations } from '@backstage/integration';
import { type CatalogService, catalogServiceRef } from '@backstage/plugin-catalog-node';
import { createTemplateAction, scaffolderActionsExtensionPoint } from '@backstage/plugin-scaffolder-node';
import { info, retired, written } from './entries.ts';
import { Repository } from './github.ts';

/** The annotation that says where a service's entry is: a file of this program's repository, and after a # the path in it. */
const ENTRY = 'idp/entry';
const INFO = 'catalog-info.yaml';

type Open = (slug: string) => Promise<Repository>;

/** Repositories, with the credentials that the config has for GitHub. */
function opener(config: Config): Open {
  const base = config.getString('platform.github');
  const api = config.getString('platform.githubApi');
  const credentials = DefaultGithubCredentialsProvider.fromIntegrations(ScmIntegrations.fromConfig(config));
  return async slug => new Repository(api, (await credentials.getCredentials({ url: `${base}/${slug}` })).token, slug);
}

/** This program's own repository; where the stack names none there is nobody to ask. */
function own(config: Config): string {
  const slug = config.getOptionalString('platform.repository');
  if (!slug) throw new InputError('this stack names no repository of its own (idp:repository), where requests would go');
  return slug;
}

/** Whose wish a pull request is, as its last paragraph. */
function asked(who: string | undefined): string {
  return `Asked for in the portal by ${who ?? 'somebody'}.`;
}

export function proposeService(config: Config, open: Open) {
  return createTemplateAction({
    id: 'idp:service:propose',
    description: 'Opens a pull request that adds the entry of a new service.',
    schema: {
      input: {
        name: z => z.string(),
        team: z => z.string(),
        template: z => z.string(),
        description: z => z.string(),
        parameters: z => z.record(z.union([z.string(), z.number(), z.boolean()])).optional(),
        topics: z => z.array(z.string()).optional(),
        calls: z => z.array(z.string()).optional(),
        addresses: z => z.array(z.string()).optional(),
        system: z => z.string().optional(),
      },
      output: { url: z => z.string() },
    },
    async handler(context) {
      const { addresses = [], calls = [], ...entry } = context.input;
      const text = written({ ...entry, calls: [...calls, ...addresses] });
      const path = `services/${context.input.name}.yaml`;
      const repository = await open(own(config));
      const url = await repository.propose({
        branch: `onboard-${context.input.name}-${createHash('sha256').update(text).digest('hex').slice(0, 8)}`,
        path,
        title: `New service ${context.input.name}`,
        body: `${context.input.description}\n\n${asked(context.user?.ref)}`,
        edit(current) {
          if (current !== undefined && current !== text) throw new ConflictError(`${path} is there already; choose another name`);
          return text;
        },
      });
      context.output('url', url);
    },
  });
}

export function proposeRetirement(config: Config, open: Open, catalog: CatalogService) {
  return createTemplateAction({
    id: 'idp:service:retire',
    description: 'Opens a pull request that retires a service: its repository is archived, what runs of it goes.',
    schema: {
      input: { name: z => z.string() },
      output: { url: z => z.string() },
    },
    async handler(context) {
      const { name } = context.input;
      const credentials = await context.getInitiatorCredentials();
      const service = await catalog.getEntityByRef({ kind: 'component', namespace: 'default', name }, { credentials });
      const entry = service?.metadata.annotations?.[ENTRY];
      if (!entry) throw new InputError(`${name} is no service of this platform's entries`);
      const [path, inside] = entry.split('#');
      const repository = await open(own(config));
      const url = await repository.propose({
        branch: `retire-${name}`,
        path,
        title: `Retire service ${name}`,
        body: `Its repository is archived and what runs of it goes.\n\n${asked(context.user?.ref)}`,
        edit(current) {
          if (current === undefined) throw new InputError(`${path} is no more; the portal's catalog is older than the repository`);
          return retired(current, inside ? inside.split('/') : [], path);
        },
      });
      context.output('url', url);
    },
  });
}

export function describeRepository(config: Config, open: Open, catalog: CatalogService) {
  const reserved = config.getOptionalStringArray('platform.reserved') ?? [];
  return createTemplateAction({
    id: 'idp:catalog-info:commit',
    description: 'Writes catalog-info.yaml into a repository that the platform did not make, and commits it.',
    schema: {
      input: {
        repository: z => z.string({ description: 'As organization/name.' }),
        owner: z => z.string({ description: 'The reference of a group.' }),
        description: z => z.string(),
        system: z => z.string().optional(),
      },
      output: { changed: z => z.boolean() },
    },
    async handler(context) {
      const { repository: slug, owner, description, system } = context.input;
      const credentials = await context.getInitiatorCredentials();
      const name = slug.split('/')[1].toLowerCase(); // GitHub and the catalog know no capitals
      const service = await catalog.getEntityByRef({ kind: 'component', namespace: 'default', name }, { credentials });
      if (reserved.includes(slug.toLowerCase()) || service?.metadata.annotations?.[ENTRY]) {
        throw new InputError(`${slug} is the platform's own or a service of its entries, which describe it`);
      }
      const repository = await open(slug);
      const text = info(slug, owner, description, system);
      const branch = await repository.defaultBranch();
      const there = await repository.read(INFO, branch);
      if (there && there.text !== text) {
        throw new ConflictError(`${slug} has a ${INFO} that says something else; change it there, or delete it first`);
      }
      if (!there) await repository.write(INFO, text, branch, 'Tell the portal about this repository');
      context.logger.info(there ? `${INFO} says so already` : `committed ${INFO}`);
      context.output('changed', !there);
    },
  });
}

export const entryActions = createBackendModule({
  pluginId: 'scaffolder',
  moduleId: 'entries',
  register(registry) {
    registry.registerInit({
      deps: { scaffolder: scaffolderActionsExtensionPoint, config: coreServices.rootConfig, catalog: catalogServiceRef },
      async init({ scaffolder, config, catalog }) {
        const open = opener(config);
        scaffolder.addActions(
          proposeService(config, open),
          proposeRetirement(config, open, catalog),
          describeRepository(config, open, catalog),
        );
      },
    });
  },
});
