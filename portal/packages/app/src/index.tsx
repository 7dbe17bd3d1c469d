// The portal's frontend: Backstage's own plugins, and the page of Argo CD's view.
import '@backstage/ui/css/styles.css';
import { createApp } from '@backstage/frontend-defaults';
import apiDocs from '@backstage/plugin-api-docs/alpha';
import catalogGraph from '@backstage/plugin-catalog-graph/alpha';
import catalog from '@backstage/plugin-catalog/alpha';
import kubernetes from '@backstage/plugin-kubernetes/alpha';
import org from '@backstage/plugin-org/alpha';
import scaffolder from '@backstage/plugin-scaffolder/alpha';
import search from '@backstage/plugin-search/alpha';
import techdocs from '@backstage/plugin-techdocs/alpha';
import userSettings from '@backstage/plugin-user-settings/alpha';
import ReactDOM from 'react-dom/client';
import { argocd } from './argocd';
import { signIn } from './signIn';

const app = createApp({
  features: [
    signIn, catalog, catalogGraph, org, apiDocs, scaffolder, techdocs, search, kubernetes, argocd, userSettings,
  ],
});

ReactDOM.createRoot(document.getElementById('root')!).render(app.createRoot());
