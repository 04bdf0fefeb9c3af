import type { CommandOutcome, SessionCommand } from '@portico/api-contract/internal';
import { MuxOpenError } from '@portico/muxado';
import {
  type CommandSupport,
  call,
  encodeUpdateRequest,
  MessageError,
  parseErrorField,
  parseErrorText,
  RpcError,
  StreamType,
} from '@portico/protocol';
import type { AgentSession } from './agent-session.ts';

/** The Go client never answers a command that its program does not handle (protocol notes, section 8). */
const ANSWER_MS = 5_000;
const REASON_LENGTH_MAX = 1_000;

const STREAM_TYPES = { stop: StreamType.stop, restart: StreamType.restart, update: StreamType.update } as const;

/** What an agent said in Auth of the commands that it follows. */
export type AgentCommands = { readonly [command in SessionCommand['command']]: CommandSupport };

/** Asks the agent to stop, restart or update itself. What it says in Auth that it will not do, it is not asked. */
export async function commandAgent(
  session: AgentSession,
  { command, version }: Pick<SessionCommand, 'command' | 'version'>,
): Promise<CommandOutcome> {
  const support = session.agent.commands[command];
  if (support.kind === 'refused') return { kind: 'refused', reason: inOneLine(support.reason) };
  if (support.kind === 'too-old') return { kind: 'refused', reason: 'its agent knows no such command' };
  const request = command === 'update' ? encodeUpdateRequest({ version, permitMajorVersion: false }) : {};
  try {
    const answer = await call(session.mux, STREAM_TYPES[command], request, { timeoutMs: ANSWER_MS });
    const error = parseErrorField(answer);
    return error === '' ? { kind: 'accepted' } : { kind: 'refused', reason: inOneLine(parseErrorText(error).text) };
  } catch (error) {
    if (error instanceof RpcError || error instanceof MuxOpenError) return { kind: 'silent' };
    if (error instanceof MessageError) return { kind: 'refused', reason: 'its answer cannot be read' };
    throw error;
  }
}

function inOneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim().replace(/\.$/, '').slice(0, REASON_LENGTH_MAX);
}
