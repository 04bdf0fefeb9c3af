/** A request from outside. */
export async function visit(url: string, options: { method: string; body: string }): Promise<void> {
  const response = await fetch(url, options);
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
}
