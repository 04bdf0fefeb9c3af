/** What a policy may cost. Every figure is a setting of the operator; these are the defaults. */
export interface PolicyLimits {
  /** Longest document, characters. Protects the parser: 20,000 nested brackets overflow its stack. */
  readonly documentCharacters: number;
  /** Nodes of the parsed document, aliases counted each time they are used. */
  readonly documentNodes: number;
  /** How deep lists and maps may be nested in a document. */
  readonly documentDepth: number;
  /** Rules in all phases together (2264). */
  readonly rules: number;
  /** Actions of one rule (2265). */
  readonly actionsPerRule: number;
  /** Problems reported for one document; the rest is left out. */
  readonly problems: number;
}

export const DEFAULT_POLICY_LIMITS: PolicyLimits = {
  documentCharacters: 1_000_000,
  documentNodes: 100_000,
  documentDepth: 32,
  rules: 200,
  actionsPerRule: 100,
  problems: 50,
};

/** What one expression may be: refused when the policy is loaded (2200, 2224). */
export const EXPRESSION_LIMITS = {
  /** Characters of one expression. Longer chains of `!` or `&&` overflow the stack of the parser. */
  characters: 2_000,
  /** Nodes of its syntax tree. */
  nodes: 500,
  /** Levels of parentheses, calls and selections. */
  depth: 100,
  /** Comprehensions (`exists`, `map`, `cel.bind`, …) inside one another: three over 100 items take 0.1 s. */
  comprehensionNesting: 2,
  /** Instructions of a regular expression: time is text × program, `^(a{1,1000})*b$` has 2007. */
  regexInstructions: 500,
  /** Characters of a regular expression. */
  regexCharacters: 1_000,
} as const;

/** What evaluating may cost: stopped with 2249 when it is passed. */
export const EVALUATION_LIMITS = {
  /** Units that all expressions of one phase of one request share; a unit is about 10 ns, see `budget.ts`. */
  unitsPerPhase: 4_000_000,
  /** Longest text that an expression, a function in it or a template may make. */
  textCharacters: 65_536,
  /** Items of a list that a function makes. */
  listItems: 1_000,
  /** Values inside a variable, those of nested lists and maps counted. */
  valueNodes: 10_000,
  /** Longest text that a regular expression is run on: a URL of 8 KiB and then some. */
  regexSubjectCharacters: 65_536,
  /** Longest time that finding all matches in one text may take, milliseconds. */
  findAllMs: 250,
} as const;
