import { visibleText } from '../lib/visible-text.ts';

/**
 * Text that came from traffic or from an agent: always a text node, its direction kept to itself, what would hide in it made
 * visible.
 */
export function UntrustedText({ text, className }: { text: string; className?: string }) {
  return <bdi className={className}>{visibleText(text)}</bdi>;
}
