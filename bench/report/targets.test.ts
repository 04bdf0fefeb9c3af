import { describe, expect, it } from 'vitest';
import { type CaseFigures, targetTable, verdict } from './targets.ts';

const figures = (name: string, totalUs: number, more: Partial<CaseFigures> = {}): CaseFigures => ({
  name,
  totalUs,
  timesN: null,
  perSecond: 1,
  p50: null,
  notes: '',
  ...more,
});

describe('the table of targets', () => {
  it('has a line for what was measured, and none for what was not', () => {
    const table = targetTable({
      of: (caseId) => (caseId === '1k-64' ? [figures('Portico', 50, { timesN: 3.2 }), figures('frp TCP', 100)] : []),
      memory: null,
    });
    expect(table).toContain('| – ÷ frp TCP | ≤ 0.7 | 0.50 | reached |');
    expect(table).toContain('| – ×N | ≤ 3.5 | 3.20 | reached |');
    expect(table).not.toContain('rathole');
    expect(targetTable({ of: () => [], memory: null })).toBe('');
  });

  it('takes the middle of the rounds of Jain’s index', () => {
    const notes = 'Jain 0.940, Jain 0.990, Jain 0.970';
    const table = targetTable({
      of: (caseId) => (caseId === 'streams' ? [figures('Portico', 1, { notes })] : []),
      memory: null,
    });
    expect(table).toContain('| 100 TCP streams: Jain’s index | ≥ 0.95 | 0.97 | reached |');
  });
});

describe('the verdict', () => {
  it('is reached, near, held by the floor, or not', () => {
    expect(verdict({ most: 1 }, 1)).toBe('reached');
    expect(verdict({ most: 1 }, 1.09)).toBe('near');
    expect(verdict({ most: 1, floor: 1.2 }, 1.15)).toBe('floor holds');
    expect(verdict({ most: 1, floor: 1.2 }, 1.25)).toBe('not reached');
    expect(verdict({ least: 3 }, 3.1)).toBe('reached');
    expect(verdict({ least: 3 }, 2.8)).toBe('near');
    expect(verdict({ least: 3 }, 2)).toBe('not reached');
  });
});
