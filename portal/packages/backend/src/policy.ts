// Who may do what: whoever is signed in may see everything and use the forms; nobody brings entities or templates by hand.
import { createBackendModule } from '@backstage/backend-plugin-api';
import { AuthorizeResult, type PolicyDecision } from '@backstage/plugin-permission-common';
import type { PermissionPolicy, PolicyQuery, PolicyQueryUser } from '@backstage/plugin-permission-node';
import { policyExtensionPoint } from '@backstage/plugin-permission-node/alpha';

/**
 * Permissions that nobody has. To change what the platform's program says: it would say it again with the next refresh.
 * To try a template, an entity or an address of one's own: the portal would read what it names, with its own token.
 */
const CLOSED = new Set([
  'catalog.entity.delete',
  'catalog.entity.validate',
  'catalog.location.analyze',
  'catalog.location.create',
  'catalog.location.delete',
  'scaffolder.template.dry-run',
  'scaffolder.template.management',
]);

export class MembersOnly implements PermissionPolicy {
  async handle(request: PolicyQuery, user?: PolicyQueryUser): Promise<PolicyDecision> {
    const allowed = user !== undefined && !CLOSED.has(request.permission.name);
    return { result: allowed ? AuthorizeResult.ALLOW : AuthorizeResult.DENY };
  }
}

export const membersOnly = createBackendModule({
  pluginId: 'permission',
  moduleId: 'members-only',
  register(registry) {
    registry.registerInit({
      deps: { policy: policyExtensionPoint },
      async init({ policy }) {
        policy.setPolicy(new MembersOnly());
      },
    });
  },
});
