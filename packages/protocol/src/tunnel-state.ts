import { MessageFields } from './message-fields.ts';

/** PatchTunnelState, stream type 10 (Go). Null: unchanged. */
export interface PatchTunnelStateRequest {
  /** `TunnelID` of the BindResp. */
  readonly tunnelId: string;
  readonly name: string | null;
  readonly description: string | null;
  readonly metadata: string | null;
  readonly poolingEnabled: boolean | null;
  readonly trafficPolicy: string | null;
}

/** @throws MessageError */
export function parsePatchTunnelStateRequest(value: unknown): PatchTunnelStateRequest {
  const fields = new MessageFields(value, 'PatchTunnelState');
  return {
    tunnelId: fields.text('TunnelId'),
    name: fields.textOrNull('Name'),
    description: fields.textOrNull('Description'),
    metadata: fields.textOrNull('Metadata'),
    poolingEnabled: fields.raw('PoolingEnabled') === undefined ? null : fields.flag('PoolingEnabled'),
    trafficPolicy: fields.textOrNull('TrafficPolicy'),
  };
}

export function encodePatchTunnelStateRequest(request: PatchTunnelStateRequest): Record<string, unknown> {
  return {
    TunnelId: request.tunnelId,
    ...(request.name === null ? {} : { Name: request.name }),
    ...(request.description === null ? {} : { Description: request.description }),
    ...(request.metadata === null ? {} : { Metadata: request.metadata }),
    ...(request.poolingEnabled === null ? {} : { PoolingEnabled: request.poolingEnabled }),
    ...(request.trafficPolicy === null ? {} : { TrafficPolicy: request.trafficPolicy }),
  };
}

/** StartTunnelWithLabel, stream type 7. */
export interface LabelRequest {
  readonly labels: ReadonlyMap<string, string>;
  readonly forwardsTo: string;
  readonly forwardsProto: string;
  readonly metadata: string;
}

/** @throws MessageError */
export function parseLabelRequest(value: unknown): LabelRequest {
  const fields = new MessageFields(value, 'StartTunnelWithLabel');
  return {
    labels: fields.textMap('Labels'),
    forwardsTo: fields.text('ForwardsTo'),
    forwardsProto: fields.text('ForwardsProto'),
    metadata: fields.text('Metadata'),
  };
}

export function encodeLabelRequest(request: LabelRequest): Record<string, unknown> {
  return {
    Labels: Object.fromEntries(request.labels),
    ForwardsTo: request.forwardsTo,
    ForwardsProto: request.forwardsProto,
    Metadata: request.metadata,
  };
}

export interface LabelResponse {
  readonly id: string;
  readonly error: string;
}

/** @throws MessageError */
export function parseLabelResponse(value: unknown): LabelResponse {
  const fields = new MessageFields(value, 'StartTunnelWithLabelResp');
  return { id: fields.text('Id'), error: fields.text('Error') };
}

export function encodeLabelResponse(response: LabelResponse): Record<string, unknown> {
  return { Id: response.id, Error: response.error };
}

/** SrvInfo, stream type 8: `{}` is asked without Auth. */
export interface ServerInfo {
  readonly region: string;
}

/** @throws MessageError */
export function parseServerInfo(value: unknown): ServerInfo {
  return { region: new MessageFields(value, 'SrvInfoResp').text('Region') };
}

export function encodeServerInfo(info: ServerInfo): Record<string, unknown> {
  return { Region: info.region };
}
