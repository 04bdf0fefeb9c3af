/** Texts that run a script, or become an element, wherever a page takes them for markup, an attribute, a URL or script. */
export function hostileTexts(): string[] {
  const run = (n: number) => `window.hacked=${n}`;
  const forms: ((n: number) => string)[] = [
    (n) => `<script>${run(n)}</script>`,
    (n) => `</script><script>${run(n)}</script>`,
    (n) => `<img src=x onerror="${run(n)}">`,
    (n) => `"><img src=x onerror=${run(n)}>`,
    (n) => `'><svg onload=${run(n)}>`,
    (n) => `<svg><animate onbegin=${run(n)} attributeName=x dur=1s>`,
    (n) => `<iframe srcdoc="<script>parent.${run(n)}</script>"></iframe>`,
    (n) => `javascript:${run(n)}`,
    (n) => `<a href="javascript:${run(n)}">x</a>`,
    (n) => `" onmouseover="${run(n)}" x="`,
    (n) => `' autofocus onfocus='${run(n)}`,
    (n) => `</title><script>${run(n)}</script>`,
    (n) => `</textarea><script>${run(n)}</script>`,
    (n) => `<style>@import '/x';*{background:url(javascript:${run(n)})}</style>`,
    (n) => `<math><mtext><table><mglyph><style><img src=x onerror=${run(n)}>`,
    (n) => `<meta http-equiv=refresh content="0;url=javascript:${run(n)}">`,
    (n) => `<base href="//evil.example/"><link rel=stylesheet href=x>${n}`,
    (n) => `{{constructor.constructor('${run(n)}')()}}`,
    (n) => `\${${run(n)}}`,
    (n) => `]);${run(n)};//self.__next_f.push([1,"`,
    (n) => `\\u003cscript\\u003e${run(n)}\\u003c/script\\u003e`,
    (n) => `&lt;script&gt;${run(n)}&lt;/script&gt;`,
    (n) => `\u2028${run(n)}\u2029//`,
    (n) => `\u202e>tpircs<${n}\u202c`,
    (n) => `<details open ontoggle=${run(n)}>`,
  ];
  return Array.from({ length: 100 }, (_, n) => {
    const form = forms[n % forms.length];
    if (!form) throw new Error('no form');
    const text = form(n);
    return [text, text.toUpperCase(), `${text}\u0000`, ` ${text}`][Math.floor(n / forms.length)] ?? text;
  });
}

/** The same texts, several to a field: as few fields as hold them all, each of at most so many bytes. */
export function packed(texts: readonly string[], bytesMax: number): string[] {
  const packs: string[] = [];
  for (const text of texts) {
    const last = packs.at(-1);
    const longer = last === undefined ? text : `${last} ${text}`;
    if (last === undefined || Buffer.byteLength(longer) > bytesMax) packs.push(text);
    else packs[packs.length - 1] = longer;
  }
  return packs;
}

/**
 * Runs in the browser: elements and attributes that no page of ours has, anywhere in it. A text, since this program knows
 * no browser's types.
 */
export const findStrange = `(() => {
  const found = new Set();
  for (const element of document.body.querySelectorAll('*')) {
    const name = element.tagName.toLowerCase();
    if (/^(img|iframe|object|embed|base|math|mtext|mglyph|animate|meta)$/.test(name)) found.add(name);
    for (const { name: attribute, value } of element.attributes) {
      const leads = /^(href|xlink:href|src|action|formaction)$/.test(attribute);
      if (/^on/.test(attribute) || (leads && !/^(https?:\\/\\/|\\/|[#?]|blob:)/.test(value))) found.add(name + '.' + attribute);
    }
  }
  // Marks that turn the direction of what stands beside them; where people write, they are what was written.
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    if (!/[\u202a-\u202e\u2066-\u2069]/.test(node.data)) continue;
    if (!node.parentElement.closest('script, style, textarea, .cm-editor')) found.add('direction at ' + node.parentElement.className);
  }
  return [...found];
})()`;
