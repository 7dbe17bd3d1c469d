// Sign-in with GitHub: members of the organization and nobody else, in the groups of their teams there.
import { coreServices, createBackendModule } from '@backstage/backend-plugin-api';
import { stringifyEntityRef } from '@backstage/catalog-model';
import { NotAllowedError } from '@backstage/errors';
import { githubAuthenticator } from '@backstage/plugin-auth-backend-module-github-provider';
import { authProvidersExtensionPoint, createOAuthProviderFactory } from '@backstage/plugin-auth-node';
import { catalogServiceRef } from '@backstage/plugin-catalog-node';

/** The annotation by which a group of the catalog is a team on GitHub. */
export const TEAM = 'github.com/team-slug';

type Fetch = typeof fetch;

async function ask(fetcher: Fetch, api: string, path: string, token: string): Promise<Response> {
  return fetcher(`${api}${path}`, {
    headers: { Accept: 'application/vnd.github+json', Authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(10_000),
  });
}

/**
 * The slugs of the teams of an organization in which somebody is, asked with that person's own token.
 *
 * A pending invitation does not count. Throws NotAllowedError where the person is no member.
 */
export async function membership(
  api: string, organization: string, token: string, fetcher: Fetch = fetch,
): Promise<string[]> {
  const member = await ask(fetcher, api, `/user/memberships/orgs/${organization}`, token);
  if (!member.ok && member.status !== 404 && member.status !== 403) {
    throw new Error(`GitHub answered ${member.status} when asked for the membership in ${organization}; try again`);
  }
  if (!member.ok || ((await member.json()) as { state: string }).state !== 'active') {
    throw new NotAllowedError(
      `you are no member of the organization ${organization}, or it has not approved this OAuth app; ask one of its owners`,
    );
  }
  const slugs: string[] = [];
  for (let page = 1; ; page += 1) {
    const answer = await ask(fetcher, api, `/user/teams?per_page=100&page=${page}`, token);
    if (!answer.ok) throw new Error(`GitHub answered ${answer.status} when asked for teams; try again`);
    const teams = (await answer.json()) as { slug: string; organization: { login: string } }[];
    const mine = teams.filter(team => team.organization.login.toLowerCase() === organization.toLowerCase());
    slugs.push(...mine.map(team => team.slug));
    if (teams.length < 100) return slugs;
  }
}

export const signInWithGithub = createBackendModule({
  pluginId: 'auth',
  moduleId: 'github',
  register(registry) {
    registry.registerInit({
      deps: {
        providers: authProvidersExtensionPoint,
        auth: coreServices.auth,
        catalog: catalogServiceRef,
        config: coreServices.rootConfig,
      },
      async init({ providers, auth, catalog, config }) {
        const organization = config.getString('platform.organization');
        const api = config.getString('platform.githubApi');
        providers.registerProvider({
          providerId: 'github',
          factory: createOAuthProviderFactory({
            authenticator: githubAuthenticator,
            additionalScopes: ['read:org'], // memberships and teams, as the person sees them
            async signInResolver({ result }, context) {
              const login = result.fullProfile.username;
              if (!login) throw new Error('GitHub gave a profile without a login');
              const slugs = new Set(await membership(api, organization, result.session.accessToken));
              const { items } = await catalog.getEntities(
                { filter: { kind: 'group' } }, { credentials: await auth.getOwnServiceCredentials() },
              );
              const groups = items.filter(group => slugs.has(group.metadata.annotations?.[TEAM] ?? ''));
              const sub = stringifyEntityRef({ kind: 'user', namespace: 'default', name: login.toLowerCase() });
              return context.issueToken({ claims: { sub, ent: [sub, ...groups.map(group => stringifyEntityRef(group))] } });
            },
          }),
        });
      },
    });
  },
});
