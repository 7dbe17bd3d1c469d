// Argo CD's view of a service: its Applications, as the cluster's API has them. No credential of Argo CD's is needed.
import { Link, Progress, ResponseErrorPanel, StatusError, StatusOK, StatusPending, Table } from '@backstage/core-components';
import { createFrontendPlugin, configApiRef, useApi } from '@backstage/frontend-plugin-api';
import { EntityContentBlueprint } from '@backstage/plugin-catalog-react/alpha';
import { useEntity } from '@backstage/plugin-catalog-react';
import { kubernetesApiRef } from '@backstage/plugin-kubernetes-react';
import { useEffect, useState } from 'react';

const SELECTOR = 'argocd/app-selector';

interface Application {
  metadata: { name: string; namespace: string };
  status?: {
    health?: { status?: string };
    sync?: { status?: string; revision?: string };
    conditions?: { message: string }[];
  };
}

function Health({ status = 'Unknown' }: { status?: string }) {
  if (status === 'Healthy') return <StatusOK>{status}</StatusOK>;
  if (status === 'Degraded' || status === 'Missing') return <StatusError>{status}</StatusError>;
  return <StatusPending>{status}</StatusPending>;
}

function Applications() {
  const { entity } = useEntity();
  const kubernetes = useApi(kubernetesApiRef);
  const config = useApi(configApiRef);
  const [found, setFound] = useState<Application[]>();
  const [error, setError] = useState<Error>();
  const selector = entity.metadata.annotations?.[SELECTOR] ?? '';
  const [cluster, home, page] = ['cluster', 'argocdNamespace', 'argocdUrl'].map(key => config.getString(`platform.${key}`));

  useEffect(() => {
    const path = `/apis/argoproj.io/v1alpha1/namespaces/${home}/applications?labelSelector=${encodeURIComponent(selector)}`;
    kubernetes.proxy({ clusterName: cluster, path }).then(async answer => {
      if (!answer.ok) throw new Error(`the cluster answered ${answer.status}: ${await answer.text()}`);
      setFound((await answer.json()).items);
    }).catch(setError);
  }, [kubernetes, cluster, home, selector]);

  if (error) return <ResponseErrorPanel error={error} />;
  if (!found) return <Progress />;
  return (
    <Table
      title="Applications"
      options={{ paging: false, search: false }}
      data={found.map(application => ({ id: application.metadata.name, ...application }))}
      columns={[
        {
          title: 'Name',
          render: ({ metadata }) => <Link to={`${page}/applications/${metadata.namespace}/${metadata.name}`}>{metadata.name}</Link>,
        },
        { title: 'Health', render: ({ status }) => <Health status={status?.health?.status} /> },
        { title: 'Sync', render: ({ status }) => status?.sync?.status ?? 'Unknown' },
        { title: 'Revision', render: ({ status }) => status?.sync?.revision?.slice(0, 7) ?? '' },
        { title: 'Conditions', render: ({ status }) => status?.conditions?.map(each => each.message).join('; ') ?? '' },
      ]}
    />
  );
}

export const argocd = createFrontendPlugin({
  pluginId: 'argocd',
  extensions: [
    EntityContentBlueprint.make({
      params: {
        path: 'argocd',
        title: 'Argo CD',
        filter: entity => SELECTOR in (entity.metadata.annotations ?? {}),
        loader: async () => <Applications />,
      },
    }),
  ],
});
