// What a discovered catalog-info.yaml makes the portal read: its own repository. The portal's token reads all the others.
import { coreServices, createBackendModule } from '@backstage/backend-plugin-api';
import { type Entity, getEntitySourceLocation, parseLocationRef } from '@backstage/catalog-model';
import { InputError } from '@backstage/errors';
import { type ScmIntegrationRegistry, ScmIntegrations } from '@backstage/integration';
import { catalogProcessingExtensionPoint, type CatalogProcessor } from '@backstage/plugin-catalog-node';
import parse from 'git-url-parse'; // by which Backstage's readers take an address apart

const DOCS = 'backstage.io/techdocs-ref';
const SOURCE = 'backstage.io/source-location';

/** What makes the portal read, and what to write where that is not in the file's own repository. */
const INSTEAD: Record<string, string> = {
  [DOCS]: 'write `dir:.`',
  [SOURCE]: 'leave it out',
  $json: 'write a path, as in `./openapi.json`',
  $text: 'write a path, as in `./openapi.yaml`',
  $yaml: 'write a path, as in `./openapi.yaml`',
};

interface Place {
  type: string;
  target: string;
}

/**
 * The repository that an address is of, for who sees it and for Backstage's readers alike; nothing where these could differ.
 *
 * Readers decode an address before they put its parts into a request, where `..`, `\`, `?` or a tab are then no part of a
 * name; and they know other servers' addresses, as `.../projects/<owner>/repos/<name>`, on every host.
 */
export function repository(address: string): string | undefined {
  try {
    const plain = decodeURIComponent(address);
    const { origin, pathname } = new URL(plain);
    const slug = pathname.split('/').slice(1, 3).join('/');
    const stable = origin + decodeURIComponent(pathname) === plain;
    return stable && parse(address).full_name === slug ? `${origin}/${slug}` : undefined;
  } catch {
    return undefined; // no address at all
  }
}

/** Keys and values of what Backstage puts a file's text in place of. */
function* placeholders(data: unknown): Iterable<[string, string]> {
  if (!(data instanceof Object)) return;
  for (const [key, value] of Object.entries(data)) {
    if (key.startsWith('$') && key in INSTEAD && typeof value === 'string') yield [key, value];
    else yield* placeholders(value);
  }
}

/**
 * Holds what an entity makes the portal read to the repository whose file the entity is in.
 *
 * Which one that is comes from the catalog: an entity's own word for it is overwritten before any processor sees it. The
 * stack's entities are in files of the pod's, and may name any repository.
 */
export class OwnRepository implements CatalogProcessor {
  private readonly integrations: ScmIntegrationRegistry;

  constructor(integrations: ScmIntegrationRegistry) {
    this.integrations = integrations;
  }

  getProcessorName(): string {
    return 'OwnRepository';
  }

  /** Before Backstage's processors, one of which reads placeholders; theirs is 20. */
  getPriority(): number {
    return 10;
  }

  async preProcessEntity(entity: Entity, location: Place): Promise<Entity> {
    if (location.type === 'file') return entity;
    if (!repository(location.target)) throw new InputError(`${location.target} could be read as another repository's address`);
    for (const [key, value] of placeholders(entity)) this.hold(key, this.resolved(value, location), location);
    return entity;
  }

  /** When placeholders are filled in, and nothing changes an annotation any more. */
  async postProcessEntity(entity: Entity, location: Place): Promise<Entity> {
    if (location.type === 'file') return entity;
    const source = getEntitySourceLocation(entity);
    this.hold(SOURCE, source, location);
    const docs = entity.metadata.annotations?.[DOCS];
    if (docs) {
      const named = parseLocationRef(docs);
      this.hold(DOCS, named.type === 'dir' ? this.resolved(named.target, source) : named, location);
    }
    return entity;
  }

  private resolved(url: string, base: Place): Place {
    return { type: 'url', target: this.integrations.resolveUrl({ url, base: base.target }) };
  }

  private hold(what: string, { type, target }: Place, location: Place): void {
    const own = repository(location.target);
    if (type === 'url' && own && repository(target) === own) return;
    throw new InputError(`${what}: ${target} is not in ${own}, whose file says so; ${INSTEAD[what]}`);
  }
}

export const ownRepositoryOnly = createBackendModule({
  pluginId: 'catalog',
  moduleId: 'own-repository-only',
  register(registry) {
    registry.registerInit({
      deps: { catalog: catalogProcessingExtensionPoint, config: coreServices.rootConfig },
      async init({ catalog, config }) {
        catalog.addProcessor(new OwnRepository(ScmIntegrations.fromConfig(config)));
      },
    });
  },
});
