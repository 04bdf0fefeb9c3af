import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type RecipeFacts, recipes } from './recipes.ts';

const facts: RecipeFacts = {
  address: 'localhost:4443',
  caFile: '.data/ca.pem',
  authtoken: 'YOUR_AUTHTOKEN',
  host: 'sdk.portico.localhost',
};
const page = readFileSync(join(import.meta.dirname, '../../../docs/compatibility.md'), 'utf8');

describe('the recipes', () => {
  it.each(recipes)('of $title stands in docs/compatibility.md as it is', (recipe) => {
    expect(page).toContain(recipe.code(facts));
    expect(page).toContain(recipe.package);
  });

  it('hold a path with a quote or a backslash together', () => {
    for (const { code } of recipes) {
      const text = code({ ...facts, caFile: 'C:\\it\'s "here"\\ca.pem' });
      expect(text).toMatch(/C:\\\\it(\\)?'s (\\)?"here(\\)?"\\\\ca\.pem/);
    }
  });
});
