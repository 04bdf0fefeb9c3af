import { MessageFields } from './message-fields.ts';

// Commands of the edge to an agent (protocol notes, section 8). The Rust client answers only when every field is there;
// the Go client does not answer Stop, Restart and Update at all unless its application handles them.

/** Update, stream type 6. Restart (4) and Stop (5) carry `{}`. */
export interface UpdateRequest {
  readonly version: string;
  readonly permitMajorVersion: boolean;
}

/** @throws MessageError */
export function parseUpdateRequest(value: unknown): UpdateRequest {
  const fields = new MessageFields(value, 'Update');
  return { version: fields.text('Version'), permitMajorVersion: fields.flag('PermitMajorVersion') };
}

export function encodeUpdateRequest(request: UpdateRequest): Record<string, unknown> {
  return { Version: request.version, PermitMajorVersion: request.permitMajorVersion };
}

/** StopTunnel, stream type 9: the endpoint is closed by the server. There is no reply. */
export interface StopTunnelRequest {
  /** The bind's id. */
  readonly id: string;
  readonly message: string;
  /** As `ERR_NGROK_334`; null without one. */
  readonly errorCode: string | null;
}

/** @throws MessageError */
export function parseStopTunnelRequest(value: unknown): StopTunnelRequest {
  const fields = new MessageFields(value, 'StopTunnel');
  return { id: fields.text('Id'), message: fields.text('Message'), errorCode: fields.textOrNull('ErrorCode') };
}

export function encodeStopTunnelRequest(request: StopTunnelRequest): Record<string, unknown> {
  return { Id: request.id, Message: request.message, ErrorCode: request.errorCode };
}

/** The `Error` of any response: '' is success. An empty object is a success. */
export function parseErrorField(value: unknown): string {
  return new MessageFields(value, 'response').text('Error');
}

/** A response that says nothing but whether it worked. */
export function encodeErrorField(error: string): Record<string, unknown> {
  return { Error: error };
}
