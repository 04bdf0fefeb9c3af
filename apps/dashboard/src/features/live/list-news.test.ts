import { expect, it, vi } from 'vitest';
import { ListNews, listOfPath } from './list-news.ts';

it.each([
  ['/vaults', 'vaults'],
  ['/vaults/vlt_1/secrets?limit=100', 'vaults'],
  ['/endpoints?limit=100&filter=x', 'endpoints'],
  ['/app/users', 'app'],
  ['', ''],
])('%s belongs to the list %s', (path, list) => {
  expect(listOfPath(path)).toBe(list);
});

it('has everything read again when the stream begins, at first and after a break', () => {
  const news = new ListNews();
  const heard = vi.fn();
  const stop = news.subscribe(heard);
  for (const isLive of [true, true, false, true]) news.setLive(isLive);
  expect(heard.mock.calls).toEqual([[null], [null]]);
  stop();
  news.tell(['vaults']);
  expect(heard).toHaveBeenCalledTimes(2);
});
