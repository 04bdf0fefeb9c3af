export { type Recipe, type RecipeFacts, type RecipeLanguage, recipes } from './recipes.ts';
