export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export type LogFields = Readonly<Record<string, string | number | boolean | null>>;

/** Where the agent writes; it never passes a token, a cookie, a header or a body. */
export type AgentLog = (level: LogLevel, message: string, fields?: LogFields) => void;

export const silentLog: AgentLog = () => {};
