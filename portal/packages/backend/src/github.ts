// Commits and pull requests through GitHub's API; each can be run again after it was cut off half-way.
import { Octokit } from '@octokit/rest';
import { ConflictError, InputError } from '@backstage/errors';

export interface Change {
  /** Another one for another change: what is there of an earlier request is overwritten. */
  branch: string;
  path: string;
  title: string;
  body: string;
  /** From what the file says now, or nothing where there is none, to what it is to say. */
  edit(current: string | undefined): string;
}

interface File {
  sha: string;
  text: string;
}

export class Repository {
  private readonly client: Octokit;
  private readonly at: { owner: string; repo: string };

  constructor(baseUrl: string, token: string | undefined, slug: string) {
    const [owner, repo] = slug.split('/');
    this.client = new Octokit({ baseUrl, auth: token });
    this.at = { owner, repo };
  }

  async defaultBranch(): Promise<string> {
    return (await this.client.repos.get(this.at)).data.default_branch;
  }

  async read(path: string, ref: string): Promise<File | undefined> {
    const answer = await orNothing(this.client.repos.getContent({ ...this.at, path, ref }));
    if (!answer) return undefined;
    if (Array.isArray(answer.data) || answer.data.type !== 'file') throw new InputError(`${path} is no file`);
    return { sha: answer.data.sha, text: Buffer.from(answer.data.content, 'base64').toString('utf8') };
  }

  /** One commit with one file in place of the one that was seen; where the answer got lost, the file tells whether it is made. */
  async write(path: string, text: string, branch: string, message: string, seen?: File): Promise<void> {
    const content = Buffer.from(text).toString('base64');
    try {
      await this.client.repos.createOrUpdateFileContents({ ...this.at, path, branch, message, content, sha: seen?.sha });
    } catch (error) {
      if (refused(error) || (await this.read(path, branch))?.text !== text) throw error;
    }
  }

  /** A pull request with one changed file; where it is open already, that one. */
  async propose({ branch, path, title, body, edit }: Change): Promise<string> {
    const base = await this.defaultBranch();
    const seen = await this.read(path, base);
    const text = edit(seen?.text);
    if (text === seen?.text) throw new ConflictError(`${path} says so on ${base} already; the next \`up\` makes it so`);
    const head = `${this.at.owner}:${branch}`;
    const open = (await this.client.pulls.list({ ...this.at, head, base, state: 'open' })).data[0];
    if (open) {
      if ((await this.read(path, branch))?.text === text) return open.html_url;
      throw new ConflictError(`${open.html_url} is open and says something else; merge or close it first`);
    }
    await this.begin(branch, base);
    await this.write(path, text, branch, title, seen);
    return (await this.client.pulls.create({ ...this.at, title, body, head: branch, base })).data.html_url;
  }

  /** The branch at the tip of the default one; what an earlier request left there is gone. */
  private async begin(branch: string, base: string): Promise<void> {
    const tip = (await this.client.git.getRef({ ...this.at, ref: `heads/${base}` })).data.object.sha;
    const there = await orNothing(this.client.git.getRef({ ...this.at, ref: `heads/${branch}` }));
    if (there) await this.client.git.updateRef({ ...this.at, ref: `heads/${branch}`, sha: tip, force: true });
    else await this.client.git.createRef({ ...this.at, ref: `refs/heads/${branch}`, sha: tip });
  }
}

/** Whether GitHub said no; else nobody knows what became of the request. */
function refused(error: unknown): boolean {
  const status = (error as { status?: number }).status ?? 500;
  return status < 500;
}

async function orNothing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if ((error as { status?: number }).status === 404) return undefined;
    throw error;
  }
}
