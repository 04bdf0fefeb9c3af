/**
 * The frame of muxado v2 (protocol notes, section 2). All integers are big-endian.
 *
 *     bytes 0-2   length of the body, uint24
 *     byte  3     high nibble: type; low nibble: flags
 *     bytes 4-7   stream id, top bit 0
 *     then        `length` bytes of body
 *
 *     type 0  RST      stream not 0   body: error code (4)
 *     type 1  DATA     stream not 0   body: 0 to one window of bytes
 *     type 2  WNDINC   stream not 0   body: increment (4), 31 bits, never 0
 *     type 3  GOAWAY   stream 0       body: last stream id (4), error code (4), text
 *     4 to 15          unknown: never sent, skipped when received
 */
export type Frame =
  | { readonly kind: 'rst'; readonly streamId: number; readonly code: number }
  | {
      readonly kind: 'data';
      readonly streamId: number;
      readonly syn: boolean;
      readonly fin: boolean;
      readonly body: Uint8Array;
    }
  | { readonly kind: 'window-increment'; readonly streamId: number; readonly increment: number }
  | { readonly kind: 'go-away'; readonly lastStreamId: number; readonly code: number; readonly text: string };

export const FrameType = { rst: 0, data: 1, windowIncrement: 2, goAway: 3 } as const;

/** FIN and SYN exist on DATA only; the flags 4 and 8 are ignored. */
export const FrameFlag = { none: 0, fin: 1, syn: 2 } as const;

export const HEADER_BYTES = 8;

/** The window of every stream and direction at its start: fixed in both official clients, never negotiated. */
export const WINDOW_BYTES = 262_144;

/** How far the window of one stream may grow between ends that both announced it (design D12). */
export const GROWN_WINDOW_BYTES = 4 * 1024 * 1024;

/** The sum of what windows of one session grew by. */
export const SESSION_GROWTH_BYTES = 16 * 1024 * 1024;

/** The most that we put into one DATA frame: 16 KiB costs 45 % more CPU in bulk, 256 KiB gains nothing. */
export const SEND_FRAME_BYTES = 65_536;

/** No window may ever be larger than this (31 bits). */
export const WINDOW_MAX = 0x7fff_ffff;

export const STREAM_ID_MAX = 0x7fff_ffff;

/** The first four bytes of a stream that carries heartbeats. */
export const HEARTBEAT_TYPE = 0xffff_ffff;

/** Each stream begins with its type, uint32. */
export const TYPE_BYTES = 4;
