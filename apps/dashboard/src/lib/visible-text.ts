/**
 * `text` with everything that could hide or disguise something made visible: control characters as their pictures
 * (U+2400 block), marks that turn the reading direction and invisible ones as escapes such as `\u{202e}`.
 */
export function visibleText(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noMisleadingCharacterClass: single code units are meant here
    /[\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
    (character) => {
      const code = character.charCodeAt(0);
      if (code < 0x20) return String.fromCharCode(0x2400 + code);
      if (code === 0x7f) return '\u2421';
      return `\\u{${code.toString(16)}}`;
    },
  );
}

/** The same for a text of many lines: line ends and tabs stay what they are. */
export function visibleLines(text: string): string {
  return text
    .split(/\r?\n/)
    .map((line) => line.split('\t').map(visibleText).join('\t'))
    .join('\n');
}
