import { readAssetIfThere } from '../assets.ts';

/** What an operator built into this program: the one server that it talks to. */
export interface OperatorBuild {
  readonly connectUrl: string;
  readonly ca: string;
}

/** Null in every build that is not an operator's own. */
export async function operatorBuild(): Promise<OperatorBuild | null> {
  const text = await readAssetIfThere('operator.json');
  if (text === null) return null;
  const read: unknown = JSON.parse(text);
  if (
    typeof read !== 'object' ||
    read === null ||
    !('connectUrl' in read && typeof read.connectUrl === 'string') ||
    !('ca' in read && typeof read.ca === 'string')
  ) {
    throw new Error('operator.json of this build cannot be read');
  }
  return { connectUrl: read.connectUrl, ca: read.ca };
}
