import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStage, type Stage } from '../support/dashboard-stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(async () => {
  await stage?.close();
});

/** Texts that run a script, or become an element, wherever a page takes them for markup, an attribute, a URL or script. */
function hostileTexts(): string[] {
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

describe('text that comes from agents', () => {
  it('stays text in every field where the page shows it', async () => {
    const texts = hostileTexts();
    const agent = stage.env.agent();
    // One endpoint shows one text as its description and as where its traffic goes.
    for (const [n, text] of texts.entries()) {
      await agent.listen(
        { proto: 'http', subdomain: `hostile-${n}`, name: text, metadata: text, forwardsTo: text },
        () => {},
      );
    }
    const { page, faults } = await stage.signedIn();
    await page.waitForSelector('[data-live=live]');
    expect(await page.locator('[data-endpoint]').count()).toBe(texts.length);

    // Drawn by the server first and by the script afterwards; both are looked at.
    for (let round = 0; round < 2; round++) {
      expect(await page.evaluate('window.hacked')).toBeUndefined();
      const strange = await page.evaluate(findStrange);
      expect(strange).toEqual([]);
      await page.reload();
      await page.waitForSelector('[data-live=live]');
    }

    const first = await page.locator('[data-endpoint]', { hasText: `hostile-0.${stage.env.baseDomain}` }).textContent();
    expect(first).toContain('<script>window.hacked=0</script>');
    const turned = await page
      .locator('[data-endpoint]', { hasText: `hostile-23.${stage.env.baseDomain}` })
      .textContent();
    expect(turned).toContain('\\u{202e}>tpircs<23\\u{202c}');
    expect(faults).toEqual([]);
    await agent.close();
    await page.context().close();
  });
});

/** Runs in the browser: elements and attributes that no row of ours has. Text, since this program knows no browser's types. */
const findStrange = `(() => {
  const found = new Set();
  const rows = 'main [data-endpoint], main [data-session], section[aria-labelledby=recent] li';
  for (const element of document.querySelectorAll(rows.replaceAll(',', ' *,') + ' *')) {
    const name = element.tagName.toLowerCase();
    if (/^(script|img|iframe|style|link|meta|base|math|details|animate|textarea|table)$/.test(name)) found.add(name);
    for (const { name: attribute, value } of element.attributes) {
      const leads = /^(href|xlink:href|src|action|formaction)$/.test(attribute);
      if (/^on/.test(attribute) || (leads && !/^(https?:\\/\\/|\\/)/.test(value))) found.add(name + '.' + attribute);
    }
  }
  return [...found];
})()`;
