/** The first four bytes of a stream, big-endian (protocol notes, section 4). */
export const StreamType = {
  auth: 0,
  bind: 1,
  unbind: 2,
  proxy: 3,
  restart: 4,
  stop: 5,
  update: 6,
  startTunnelWithLabel: 7,
  srvInfo: 8,
  stopTunnel: 9,
  patchTunnelState: 10,
  /** Portico's own way to open a proxied stream; only after both sides announced `open`. */
  open: 0x1000,
  heartbeat: 0xffff_ffff,
} as const;
