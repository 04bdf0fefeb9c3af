import { describe, expect, it } from 'vitest';
import { pastedThing } from './pasted.ts';

const endpoints = [
  { id: 'ep_1', url: 'https://shop.portico.localhost:8443' },
  { id: 'ep_2', url: 'tcp://localhost:20017' },
];

describe('what is pasted into the palette', () => {
  it('leads to the endpoint of a URL, whatever its path', () => {
    expect(pastedThing(' https://shop.portico.localhost:8443/cart?x=1 ', endpoints)?.page).toBe(
      'inspector?q=endpoint%3Ashop.portico.localhost',
    );
    expect(pastedThing('https://shop.portico.localhost/cart', endpoints)).toBeNull();
    expect(pastedThing('https://elsewhere.example', endpoints)).toBeNull();
    expect(pastedThing('tcp://localhost:20017', endpoints)?.label).toBe('Requests of tcp://localhost:20017');
  });

  it('leads to a request by its id, and to where an error happened by its name', () => {
    const id = 'ex_2kQ7xZJm0vR8sT1uW4yB6nC9dF7';
    expect(pastedThing(id, [])).toEqual({ label: `Open the request ${id}`, page: `inspector/${id}` });
    expect(pastedThing('err_ngrok_8012', [])?.page).toBe('inspector?q=code%3A8012');
  });

  it('takes nothing else for one of them', () => {
    for (const text of ['', 'shop', 'req_', 'javascript:alert(1)', 'ERR_NGROK_', 'https://', 'ERR_NGROK_1 2'])
      expect([text, pastedThing(text, endpoints)]).toEqual([text, null]);
  });
});
