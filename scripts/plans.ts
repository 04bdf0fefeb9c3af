/**
 * Plans and who has which, on the database that DATABASE_URL names. Edges hear of a change at once.
 *
 * - `node scripts/plans.ts`                                      what there is
 * - `node scripts/plans.ts set small requestsPerMonth=100000 endpoints=3 bytesPerMonth=none`
 * - `node scripts/plans.ts give ac_… small`
 */
import { listPlans, openDatabase, type PlanRow, savePlan, setPlan } from '../packages/db/src/index.ts';

const monthly = ['requestsPerMonth', 'bytesPerMonth', 'connectionsPerMonth'] as const;
const others = [
  'sessions',
  'endpoints',
  'endpointsPerSession',
  'requestsPerSecond',
  'connectionsPerSecond',
  'reservedDomains',
] as const;

const url = process.env.DATABASE_URL ?? '';
if (url === '') throw new Error('DATABASE_URL names the database of the server');
const database = openDatabase({ url, poolSize: 1 });
const [command = 'list', name = '', ...rest] = process.argv.slice(2);
try {
  if (command === 'set' && name !== '') show(await savePlan(database.queries, name, limitsOf(rest)));
  else if (command === 'give' && rest[0] !== undefined) {
    if (!(await setPlan(database.queries, name, rest[0]))) throw new Error(`there is no account ${name}`);
    console.log(`${name} has the plan ${rest[0]}`);
  } else if (command === 'list') for (const plan of await listPlans(database.queries)) show(plan);
  else throw new Error('it is: plans.ts, plans.ts set NAME limit=number…, or plans.ts give ACCOUNT NAME');
} finally {
  await database.close();
}

function limitsOf(pairs: readonly string[]): Partial<Omit<PlanRow, 'id'>> {
  const limits: Record<string, number | bigint | null> = {};
  for (const pair of pairs) {
    const [key = '', text = ''] = pair.split('=');
    const isMonthly = monthly.some((known) => known === key);
    if (!isMonthly && !others.some((known) => known === key)) {
      throw new Error(`${key} is no limit; there are ${[...others, ...monthly].join(', ')}`);
    }
    if (text !== 'none' && !/^[1-9]\d{0,15}$/.test(text)) throw new Error(`${pair}: a number from 1 on, or none`);
    limits[key] = text === 'none' ? null : isMonthly ? BigInt(text) : Number(text);
  }
  return limits;
}

function show({ id, ...limits }: PlanRow): void {
  const set = Object.entries(limits).flatMap(([key, value]) => (value === null ? [] : [`${key}=${value}`]));
  console.log(`${id}: ${set.length === 0 ? 'no limits' : set.join(' ')}`);
}
