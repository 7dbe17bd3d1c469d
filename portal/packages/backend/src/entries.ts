// Entries of services as text: a new file, or one line more in a file that somebody wrote.
import { InputError } from '@backstage/errors';
import { isMap, isScalar, parseDocument, stringify, type YAMLMap } from 'yaml';

export interface Entry {
  name: string;
  team: string;
  template: string;
  description: string;
  parameters?: Record<string, string | number | boolean>;
  topics?: string[];
  calls?: string[];
}

/** The file of a new service: what its entry says, in the order in which the platform's documents say it. */
export function written(entry: Entry): string {
  const { team, template, description, parameters, topics, calls } = entry;
  if (calls?.includes(entry.name)) throw new InputError('calls: a service does not call itself through the network');
  const optional = {
    ...(parameters && Object.keys(parameters).length > 0 ? { parameters } : {}),
    ...(topics?.length ? { topics } : {}),
    ...(calls?.length ? { calls } : {}),
  };
  return stringify({ team, template, description, ...optional }, { lineWidth: 0 });
}

/**
 * The same text with `state: retired` in one entry, and no other byte changed.
 *
 * `path` is where the entry is: nothing for a file of its own, ['config', 'idp:services', name] in a stack's file.
 */
export function retired(text: string, path: readonly string[], file: string): string {
  const document = parseDocument(text);
  if (document.errors.length > 0) throw new InputError(`${file}: ${document.errors[0].message}`);
  const entry = path.length > 0 ? document.getIn(path) : document.contents;
  if (!isMap(entry) || !entry.range) throw new InputError(`${file}: there is no entry ${path.join('.')}`);
  const state = entry.get('state', true);
  if (!isScalar(state) || !state.range) return added(text, entry as YAMLMap);
  if (state.value === 'retired') throw new InputError(`${file}: it is retired already`);
  return `${text.slice(0, state.range[0])}retired${text.slice(state.range[1])}`;
}

function added(text: string, entry: YAMLMap): string {
  const [start, end] = entry.range as [number, number, number];
  if (entry.flow) {
    const kept = text.slice(0, end - 1).trimEnd();
    return `${kept}${kept.endsWith(',') || kept.endsWith('{') ? '' : ','} state: retired${text.slice(end - 1)}`;
  }
  const indent = ' '.repeat(start - (text.lastIndexOf('\n', start - 1) + 1));
  return `${text.slice(0, start)}state: retired\n${indent}${text.slice(start)}`;
}
