export { type Clock, systemClock, type Timer } from './clock.ts';
export { FrameError, MuxError, MuxOpenError, type OpenRefusal } from './errors.ts';
export { HEARTBEAT_TYPE, TYPE_BYTES, WINDOW_BYTES } from './frame.ts';
export type { HeartbeatOptions } from './heartbeat.ts';
export { clientLimits, type MuxLimits, type Rate, serverLimits } from './limits.ts';
export { MuxSession, type MuxSessionOptions, type SessionEnd, type SessionEndKind } from './session.ts';
export type { MuxStream, StreamHandler } from './stream.ts';
export { TurnEnd } from './turn-end.ts';
export { collectBuffersYoung } from './young-buffers.ts';
