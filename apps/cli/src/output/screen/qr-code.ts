import { encode } from 'uqr';

/** A QR code as lines of text, two rows of it a line where half blocks can be shown. */
export function qrLines(text: string, withUnicode: boolean): string[] {
  const { data, size } = encode(text, { border: 2, ecc: 'L' });
  const isDark = (x: number, y: number): boolean => data[y]?.[x] ?? false;
  const lines = [''];
  // Light on dark terminals and dark on light ones both read it: cameras take either.
  if (!withUnicode) {
    for (let y = 0; y < size; y += 1) {
      lines.push(Array.from({ length: size }, (_, x) => (isDark(x, y) ? '  ' : '##')).join(''));
    }
    return lines;
  }
  for (let y = 0; y < size; y += 2) {
    const cells = Array.from({ length: size }, (_, x) => {
      const top = !isDark(x, y);
      const bottom = y + 1 < size && !isDark(x, y + 1);
      return top ? (bottom ? '█' : '▀') : bottom ? '▄' : ' ';
    });
    lines.push(cells.join(''));
  }
  return lines;
}
