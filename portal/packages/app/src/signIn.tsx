// The sign-in page: GitHub, and the guest where the stack is a local one.
import { SignInPage } from '@backstage/core-components';
import { configApiRef, createFrontendModule, githubAuthApiRef, useApi } from '@backstage/frontend-plugin-api';
import { SignInPageBlueprint, type SignInPageProps } from '@backstage/plugin-app-react';

const GITHUB = {
  id: 'github',
  title: 'GitHub',
  message: 'For members of the organization',
  apiRef: githubAuthApiRef,
} as const;

function PlatformSignIn(props: SignInPageProps) {
  const providers = useApi(configApiRef).getStringArray('platform.signIn');
  return (
    <SignInPage
      {...props}
      title="Sign in"
      providers={[...(providers.includes('github') ? [GITHUB] : []), ...(providers.includes('guest') ? ['guest' as const] : [])]}
    />
  );
}

export const signIn = createFrontendModule({
  pluginId: 'app',
  extensions: [SignInPageBlueprint.make({ params: { loader: async () => PlatformSignIn } })],
});
