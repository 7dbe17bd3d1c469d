// The portal's backend: Backstage's own plugins, and what is the platform's in the files beside this one.
import { createBackend } from '@backstage/backend-defaults';
import { entryActions } from './actions.ts';
import { ownRepositoryOnly } from './discovery.ts';
import { membersOnly } from './policy.ts';
import { signInWithGithub } from './signIn.ts';

const backend = createBackend();

backend.add(import('@backstage/plugin-app-backend'));

backend.add(import('@backstage/plugin-auth-backend'));
backend.add(import('@backstage/plugin-auth-backend-module-guest-provider')); // answers only where the config has it
backend.add(signInWithGithub);
backend.add(import('@backstage/plugin-permission-backend'));
backend.add(membersOnly);

backend.add(import('@backstage/plugin-catalog-backend'));
backend.add(import('@backstage/plugin-catalog-backend-module-scaffolder-entity-model'));
backend.add(import('@backstage/plugin-catalog-backend-module-github'));
backend.add(import('@backstage/plugin-catalog-backend-module-logs'));
backend.add(ownRepositoryOnly);

backend.add(import('@backstage/plugin-scaffolder-backend'));
backend.add(entryActions);

backend.add(import('@backstage/plugin-techdocs-backend'));
backend.add(import('@backstage/plugin-kubernetes-backend'));

backend.add(import('@backstage/plugin-search-backend'));
backend.add(import('@backstage/plugin-search-backend-module-pg'));
backend.add(import('@backstage/plugin-search-backend-module-catalog'));
backend.add(import('@backstage/plugin-search-backend-module-techdocs'));

await backend.start();
