import type { ConfigReader } from '../document/config-reader.ts';
import { PHASES } from '../document/phase.ts';
import type { SourceNode } from '../document/source-node.ts';
import type { Template } from '../expressions/template.ts';
import { defineAction, never } from './action-definition.ts';

/** A value of any shape whose texts may hold expressions. */
export type ValueTemplate =
  | { readonly kind: 'constant'; readonly value: string | number | boolean | null }
  | { readonly kind: 'template'; readonly template: Template }
  | { readonly kind: 'list'; readonly items: readonly ValueTemplate[] }
  | { readonly kind: 'map'; readonly entries: readonly (readonly [string, ValueTemplate])[] };

export interface SetVarsConfig {
  readonly vars: readonly { readonly name: string; readonly value: ValueTemplate }[];
}

export const setVars = defineAction({
  type: 'set-vars',
  phases: PHASES,
  ends: never,
  read: (config): SetVarsConfig => {
    const node = config.node('vars');
    if (node === null) {
      config.problem(2234, 'vars', {});
      return { vars: [] };
    }
    if (node.kind !== 'list' || node.items.length === 0) {
      config.problem(2252, 'vars', {}, 'Write - name: value for each.');
      return { vars: [] };
    }
    if (node.items.length > 100) config.problem(2255, 'vars', { actual: node.items.length, max: 100 });
    const vars = node.items.slice(0, 100).flatMap((item) => {
      const [entry, ...more] = item.kind === 'map' ? item.entries : [];
      if (entry === undefined || more.length > 0) {
        config.problem(2252, 'vars', {}, 'Write - name: value for each.', item.at);
        return [];
      }
      if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(entry.key)) {
        const reason = `${entry.key.slice(0, 64)} is not a name that an expression can use`;
        config.problem(2204, 'vars', { reason }, 'Use letters, digits and _.', entry.keyAt);
        return [];
      }
      return [{ name: entry.key, value: readValue(entry.value, `vars.${entry.key}`, config, 0) }];
    });
    return { vars };
  },
});

export interface LogConfig {
  readonly metadata: ValueTemplate;
}

export const log = defineAction({
  type: 'log',
  phases: PHASES,
  ends: never,
  read: (config): LogConfig => {
    const node = config.node('metadata');
    if (node === null) config.problem(2234, 'metadata', {});
    else if (node.kind !== 'map') config.problem(2203, 'metadata', { reason: 'metadata has to be a map' });
    return {
      metadata: node?.kind === 'map' ? readValue(node, 'metadata', config, 0) : { kind: 'map', entries: [] },
    };
  },
});

const DEPTH_MAX = 10;

function readValue(node: SourceNode, field: string, config: ConfigReader, depth: number): ValueTemplate {
  if (depth > DEPTH_MAX) {
    config.problem(2250, field, { max: DEPTH_MAX }, null, node.at);
    return { kind: 'constant', value: null };
  }
  switch (node.kind) {
    case 'list':
      return {
        kind: 'list',
        items: node.items.map((item, index) => readValue(item, `${field}[${index}]`, config, depth + 1)),
      };
    case 'map':
      return {
        kind: 'map',
        entries: node.entries.map(
          ({ key, value }) => [key, readValue(value, `${field}.${key}`, config, depth + 1)] as const,
        ),
      };
    case 'scalar':
      if (typeof node.value !== 'string') return { kind: 'constant', value: node.value };
      return { kind: 'template', template: config.templateOf(node, field) };
  }
}
