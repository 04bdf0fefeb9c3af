/** The built-in page of the welcome tunnel: one self-contained document, no script, no outside request. */
export function welcomePage({ host }: { host: string }): string {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Your first tunnel is live</title>
<style>
  :root { --canvas: #f4f4f1; --ink: #17181a; --ink-2: #4e5054; --line: #e2e1dc; --s2: #0ea691; color-scheme: light dark; }
  @media (prefers-color-scheme: dark) { :root { --canvas: #0c0d0e; --ink: #ededea; --ink-2: #abadb2; --line: #26282c; --s2: #38b39d; } }
  * { box-sizing: border-box; margin: 0; }
  body { background: var(--canvas); color: var(--ink); font: 14px/22px Inter, system-ui, sans-serif; padding: 64px 24px; }
  main { max-width: 720px; margin: 0 auto; }
  h1 { font-size: 32px; line-height: 40px; font-weight: 640; letter-spacing: -0.024em; margin: 48px 0 12px; }
  p { color: var(--ink-2); max-width: 60ch; }
  .path { border-top: 7px solid var(--ink); display: grid; grid-template-columns: repeat(4, 1fr); }
  .path div { padding: 20px 0 0 28px; position: relative; min-height: 132px; }
  .path div::before { content: ""; position: absolute; left: 0; top: 12px; width: 16px; height: 120px; background: var(--s2); }
  .path div:first-child::before { background: var(--ink); }
  .path b { display: block; font-weight: 620; }
  .path span { color: var(--ink-2); font-size: 12px; overflow-wrap: break-word; }
  pre { font: 13.5px/22px "JetBrains Mono Variable", ui-monospace, monospace; border-top: 1px solid var(--line); border-bottom: 1px solid var(--line); padding: 16px 0; margin: 24px 0; overflow-x: auto; }
  @media (max-width: 639px) { .path span { display: none; } .path div { padding-left: 22px; } body { padding: 32px 16px; } }
</style>
<main>
  <div class="path" role="img" aria-label="Visitor, edge, agent and upstream all work">
    <div><b>Visitor</b><span>you</span></div>
    <div><b>Edge</b><span>${escapeHtml(host).replaceAll('.', '<wbr>.')}</span></div>
    <div><b>Agent</b><span>welcome</span></div>
    <div><b>Upstream</b><span>this page</span></div>
  </div>
  <h1>Your first tunnel is live</h1>
  <p>This page is served by a program on a loopback port. An agent dialled out from it to the edge, and your request came back through that tunnel over TLS.</p>
  <pre>./portico http 3000 --subdomain demo</pre>
  <p>Run this on the machine where your app listens on port 3000, and it has an address of its own.</p>
</main>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
