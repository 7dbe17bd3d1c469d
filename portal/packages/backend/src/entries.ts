// Entries of services as text: a new file, or one line more in a file that somebody wrote.
import { basename } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { InputError } from '@backstage/errors';
import { type Document, isMap, isScalar, parseDocument, stringify, type YAMLMap } from 'yaml';

export interface Entry {
  name: string;
  team: string;
  template: string;
  description: string;
  parameters?: Record<string, string | number | boolean>;
  topics?: string[];
  calls?: string[];
  system?: string;
}

/** The file of a new service: what its entry says, in the order in which the platform's documents say it. */
export function written(entry: Entry): string {
  const { team, template, description, parameters, topics, calls, system } = entry;
  if (calls?.includes(entry.name)) throw new InputError('calls: a service does not call itself through the network');
  const optional = {
    ...(parameters && Object.keys(parameters).length > 0 ? { parameters } : {}),
    ...(topics?.length ? { topics } : {}),
    ...(calls?.length ? { calls } : {}),
    ...(system ? { system } : {}),
  };
  return stringify({ team, template, description, ...optional }, { lineWidth: 0 });
}

/** What a repository that the platform did not make says of itself. */
export function info(slug: string, owner: string, description: string, system?: string): string {
  const annotations = { 'github.com/project-slug': slug, 'backstage.io/techdocs-ref': 'dir:.' };
  return stringify(
    {
      apiVersion: 'backstage.io/v1alpha1',
      kind: 'Component',
      metadata: { name: slug.split('/')[1].toLowerCase(), description, annotations },
      spec: { type: 'service', lifecycle: 'production', owner, ...(system ? { system } : {}) },
    },
    { lineWidth: 0 },
  );
}

/**
 * The same text with `state: retired` in one entry, and no other byte changed.
 *
 * `path` is where the entry is: nothing for a file of its own, ['config', 'idp:services', name] in a stack's file. What comes
 * out is read again: YAML has more ways of writing an entry than are known here.
 */
export function retired(text: string, path: readonly string[], file: string): string {
  const document = parseDocument(text);
  if (document.errors.length > 0) throw new InputError(`${file}: ${document.errors[0].message}`);
  const entry = path.length > 0 ? document.getIn(path) : document.contents;
  if (!isMap(entry) || !entry.range) throw new InputError(`${file}: there is no entry ${path.join('.')}`);
  if (entry.get('state') === 'retired') throw new InputError(`${file}: it is retired already`);
  const made = marked(text, entry as YAMLMap);
  const [after, wanted] = [parseDocument(made), plain(document)];
  (path.reduce((value, key) => value[key], wanted) as Record<string, unknown>).state = 'retired';
  if (after.errors.length > 0 || !isDeepStrictEqual(plain(after), wanted)) {
    const name = path.at(-1) ?? basename(file, '.yaml');
    throw new InputError(`${file}: the entry is written in a way that no form changes; run \`python -m idp retire ${name}\``);
  }
  return made;
}

/** What a document says, without its aliases: what stands in two places is two things. */
function plain(document: Document): any {
  return JSON.parse(JSON.stringify(document));
}

function marked(text: string, entry: YAMLMap): string {
  const state = entry.items.find(({ key }) => isScalar(key) && key.value === 'state');
  if (isScalar(state?.key) && state.key.range && isScalar(state.value) && state.value.range) {
    const [from, to] = state.value.range;
    const colon = text.indexOf(':', state.key.range[1]) + 1;
    return from < to ? `${text.slice(0, from)}retired${text.slice(to)}` : `${text.slice(0, colon)} retired${text.slice(colon)}`;
  }
  const [start] = entry.range as [number, number, number];
  if (entry.flow) {
    const rest = text.slice(start + 1);
    const comma = entry.items.length > 0 ? `,${/^\s/.test(rest) ? '' : ' '}` : '';
    return `${text.slice(0, start + 1)}state: retired${comma}${rest}`;
  }
  const indent = ' '.repeat(start - (text.lastIndexOf('\n', start - 1) + 1));
  return `${text.slice(0, start)}state: retired\n${indent}${text.slice(start)}`;
}
