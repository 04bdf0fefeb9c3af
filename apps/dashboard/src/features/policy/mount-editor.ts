import { autocompletion, type Completion, type CompletionContext } from '@codemirror/autocomplete';
import { yaml } from '@codemirror/lang-yaml';
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { type Diagnostic, linter, lintGutter } from '@codemirror/lint';
import { tags } from '@lezer/highlight';
import { loadPolicy } from '@portico/traffic-policy/validate';
import { basicSetup, EditorView } from 'codemirror';
import { completionsFor } from './completions.ts';

export interface PolicyEditorHandle {
  close(): void;
}

/**
 * Puts the editor into `host`, inside a shadow root: its styles are then style sheets made by script, which the content
 * security policy has nothing against. Problems come from the validator that the edge uses.
 */
export function mountEditor(
  host: HTMLElement,
  { text, onChange, onSave }: { text: string; onChange: (text: string) => void; onSave: () => void },
): PolicyEditorHandle {
  const root = host.shadowRoot ?? host.attachShadow({ mode: 'open' });
  const view = new EditorView({
    doc: text,
    root,
    parent: root,
    extensions: [
      basicSetup,
      yaml(),
      linter(({ state }) => problemsIn(state.doc.toString()), { delay: 250 }),
      lintGutter(),
      autocompletion({ override: [complete], activateOnTyping: true }),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) onChange(update.state.doc.toString());
      }),
      EditorView.domEventHandlers({
        keydown: (event) => {
          if (event.key.toLowerCase() !== 's' || !(event.metaKey || event.ctrlKey)) return false;
          event.preventDefault();
          onSave();
          return true;
        },
      }),
      EditorView.contentAttributes.of({ 'aria-label': 'Traffic policy, YAML' }),
      syntaxHighlighting(inks),
      look,
    ],
  });
  return {
    close: () => {
      view.destroy();
      root.replaceChildren();
    },
  };
}

function problemsIn(text: string): Diagnostic[] {
  if (text.trim() === '') return [];
  const loaded = loadPolicy(text);
  if (loaded.kind === 'loaded') return [];
  const starts = lineStarts(text);
  return loaded.problems.map(({ line, column, message, hint, name }) => {
    const from = Math.min((starts[line - 1] ?? 0) + column - 1, text.length);
    const end = text.slice(from).match(/^[^\s,}\]]+/)?.[0].length ?? 0;
    return {
      from,
      to: Math.min(from + Math.max(end, 1), text.length),
      severity: 'error',
      message: [message, hint, name].filter(Boolean).join(' '),
    };
  });
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

function complete(context: CompletionContext): { from: number; options: Completion[] } | null {
  const word = context.matchBefore(/[\w.-]*/);
  if (!word || (word.from === word.to && !context.explicit)) return null;
  const before = context.state.doc.sliceString(0, word.from);
  return { from: word.from, options: completionsFor(before).map((one) => ({ ...one })) };
}

const inks = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: 'var(--lapis)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--verdigris)' },
  { tag: [tags.number, tags.bool, tags.null], color: 'var(--wisteria)' },
  { tag: tags.comment, color: 'var(--ink-3)' },
  { tag: [tags.meta, tags.keyword], color: 'var(--ochre)' },
]);

/** The colours of the page: custom properties reach into a shadow root. */
const look = EditorView.theme({
  '&': { height: '100%', backgroundColor: 'var(--surface)', color: 'var(--ink)', fontSize: '12.5px' },
  '.cm-scroller': {
    fontFamily: 'var(--font-jetbrains), "JetBrains Mono Variable", ui-monospace, monospace',
    lineHeight: '23px',
    fontFeatureSettings: '"calt" 0, "liga" 0',
    overflow: 'auto',
  },
  '.cm-content': { caretColor: 'var(--ink)' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)' },
  '&.cm-focused': { outline: 'none' },
  '.cm-gutters': { backgroundColor: 'var(--sunken)', color: 'var(--ink-3)', borderRight: '1px solid var(--line)' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'var(--hover)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'var(--lapis-soft)',
  },
  '.cm-tooltip': {
    backgroundColor: 'var(--raised)',
    color: 'var(--ink)',
    border: '1px solid var(--line-strong)',
    borderRadius: '6px',
  },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { backgroundColor: 'var(--hover)', color: 'var(--ink)' },
  '.cm-diagnostic': { fontFamily: 'system-ui, sans-serif', fontSize: '12px', maxWidth: '440px' },
  '.cm-diagnostic-error': { borderLeft: '3px solid var(--s5)' },
});
