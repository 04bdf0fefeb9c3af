import { describe, expect, it } from 'vitest';
import {
  encodeAuthFailure,
  encodeAuthRequest,
  encodeAuthResponse,
  parseAuthRequest,
  parseAuthResponse,
} from './auth.ts';
import {
  echoOptions,
  encodeBindFailure,
  encodeBindRequest,
  encodeBindResponse,
  parseBindRequest,
  parseBindResponse,
} from './bind.ts';
import {
  encodeStopTunnelRequest,
  encodeUpdateRequest,
  parseErrorField,
  parseStopTunnelRequest,
  parseUpdateRequest,
} from './commands.ts';
import { MessageError } from './message-fields.ts';
import { PORTICO_EXTRA } from './portico-extra.ts';
import {
  encodeLabelRequest,
  encodePatchTunnelStateRequest,
  encodeServerInfo,
  parseLabelRequest,
  parsePatchTunnelStateRequest,
  parseServerInfo,
} from './tunnel-state.ts';
import { encodeUnbindRequest, encodeUnbindResponse, parseUnbindRequest } from './unbind.ts';
import { authResponse, rustAuth, rustBind } from './vectors.util.ts';

describe('Auth', () => {
  it('of the Rust client is read, and written byte for byte', () => {
    const request = parseAuthRequest(JSON.parse(rustAuth));
    expect(request).toMatchObject({
      versions: ['3', '2'],
      clientId: '',
      token: 'tok',
      os: 'linux',
      arch: 'x86_64',
      agentVersion: '1.7.0',
      heartbeatIntervalMs: 10_000,
      heartbeatToleranceMs: 15_000,
      stop: { kind: 'refused', reason: 'the agent has not defined a callback for this operation' },
      clientType: 'ngrok-javascript',
      legNumber: 0,
      portico: null,
    });
    expect(JSON.stringify(encodeAuthRequest(request))).toBe(rustAuth);
    expect(rustAuth.length).toBe(663);
  });

  it('of the Go client, with its spellings, is read', () => {
    const request = parseAuthRequest({
      Version: ['3', '2'],
      ClientId: 'old',
      Extra: {
        Authtoken: 'tok',
        Cookie: 'k',
        UpdateUnsupportedError: null,
        StopUnsupportedError: '',
        Fingerprint: null,
        ClientType: 'ngrok-go',
        LegNumber: 2,
      },
    });
    expect(request).toMatchObject({
      token: 'tok',
      clientId: 'old',
      cookie: 'k',
      update: { kind: 'too-old' },
      stop: { kind: 'supported' },
      restart: { kind: 'too-old' },
      heartbeatIntervalMs: null,
      legNumber: 2,
    });
  });

  it('carries our extension both ways, and ignores versions of it that are not known', () => {
    const request = parseAuthRequest({ Extra: { Portico: PORTICO_EXTRA } });
    expect(request.portico).toEqual({ v: 1, open: true, window: true });
    expect(encodeAuthRequest(request)).toMatchObject({ Extra: { Portico: { v: 1, open: 1, window: 1 } } });
    expect(parseAuthResponse({ Extra: { Portico: { v: 1, open: 1 } } }).portico).toEqual({
      v: 1,
      open: true,
      window: false,
    });
    for (const odd of [{ v: 2, open: 1 }, 'x', [], null, true]) {
      expect(parseAuthRequest({ Extra: { Portico: odd } }).portico).toBeNull();
    }
  });

  it('is answered byte for byte as captured', () => {
    const response = parseAuthResponse(JSON.parse(authResponse));
    expect(response).toMatchObject({ version: '3', clientId: 'c0ffee', error: '', region: 'local', cookie: 'k' });
    expect(JSON.stringify(encodeAuthResponse(response))).toBe(authResponse);
  });

  it('is refused with an Extra that is not null', () => {
    expect(JSON.stringify(encodeAuthFailure('text\n\nERR_NGROK_105\n'))).toBe(
      '{"Version":"","ClientId":"","Error":"text\\n\\nERR_NGROK_105\\n","Extra":{}}',
    );
  });

  it.each([
    [null, 'Auth: an object is expected'],
    [[], 'Auth: an object is expected'],
    [{ Version: '3' }, 'Auth.Version: a list of texts is expected'],
    [{ Version: [3] }, 'Auth.Version: a list of texts is expected'],
    [{ Extra: [] }, 'Auth.Extra: an object is expected'],
    [{ Extra: { authTOKEN: 7 } }, 'Auth.Extra.AuthToken: text is expected'],
    [{ Extra: { MutualTLS: 'yes' } }, 'Auth.Extra.MutualTLS: true or false is expected'],
    [{ Extra: { HeartbeatInterval: '1' } }, 'Auth.Extra.HeartbeatInterval: a number is expected'],
    [{ Extra: { LegNumber: 1.5 } }, 'Auth.Extra.LegNumber: an integer is expected'],
  ])('that is %j is no Auth', (value, message) => {
    expect(() => parseAuthRequest(value)).toThrowError(new MessageError(message));
  });

  it('is not fooled by names that objects have anyway', () => {
    const value: unknown = JSON.parse(
      '{"__proto__":{"ClientId":"x"},"constructor":1,"Extra":{"__proto__":{"AuthToken":"x"}}}',
    );
    expect(parseAuthRequest(value)).toMatchObject({ clientId: '', token: '' });
  });

  it('takes the exact spelling before any other', () => {
    expect(parseAuthRequest({ Extra: { authtoken: 'other', AuthToken: 'exact', AUTHTOKEN: 'third' } }).token).toBe(
      'exact',
    );
  });
});

describe('Bind', () => {
  it('of the Rust client is read, and written byte for byte, its options as they came', () => {
    const request = parseBindRequest(JSON.parse(rustBind));
    expect(request).toMatchObject({
      id: '',
      proto: 'https',
      forwardsTo: 'up',
      metadata: 'm',
      bindings: [],
      poolingEnabled: false,
    });
    expect(request.rawOpts).toMatchObject({ Domain: 'a.test', LocalUrlScheme: null });
    expect(JSON.stringify(encodeBindRequest(request))).toBe(rustBind);
    expect(rustBind.length).toBe(549);
  });

  it('of the Go client is read', () => {
    const request = parseBindRequest({
      Id: '',
      Proto: 'https',
      Opts: { URL: 'https://a.test', ProxyProto: 0, TrafficPolicy: '' },
      Extra: { Name: 'n', Description: 'd', Bindings: null, Token: '' },
    });
    expect(request).toMatchObject({ name: 'n', description: 'd', bindings: [], token: '' });
    expect(encodeBindRequest(request)).toMatchObject({ Extra: { Name: 'n', Description: 'd' } });
  });

  it('echoes every option, with the host filled in and what the Rust client must have', () => {
    const received = { domain: 'a.test', hostname: 'x', BasicAuth: { credentials: [1] }, New: [1], ProxyProto: null };
    expect(echoOptions('https', received, 'a.test')).toEqual({
      domain: 'a.test',
      BasicAuth: { credentials: [1] },
      New: [1],
      ProxyProto: 0,
      Auth: '',
      Subdomain: '',
      HostHeaderRewrite: false,
      Hostname: 'a.test',
    });
    expect(echoOptions('tcp', {}, 'h:20000')).toEqual({ Addr: 'h:20000', ProxyProto: 0 });
    expect(echoOptions('tls', { ProxyProto: 2 }, 'a.test')).toEqual({
      Hostname: 'a.test',
      Subdomain: '',
      ProxyProto: 2,
      MutualTLSAtAgent: false,
    });
  });

  it('echoes a name that is special to objects as a plain one', () => {
    const received: unknown = JSON.parse('{"Opts":{"__proto__":{"a":1}}}');
    const { rawOpts } = parseBindRequest(received);
    expect(JSON.stringify(echoOptions('tcp', rawOpts, 'h:1'))).toBe(
      '{"__proto__":{"a":1},"Addr":"h:1","ProxyProto":0}',
    );
  });

  it('is answered with everything that both clients need', () => {
    const response = {
      id: 'b1',
      url: 'https://a.test',
      proto: 'https',
      rawOpts: {},
      error: '',
      token: 't',
      tunnelId: 'ep_1',
    };
    const wire = encodeBindResponse(response);
    expect(JSON.stringify(wire)).toBe(
      '{"Id":"b1","URL":"https://a.test","Proto":"https","Opts":{},"Error":"","Extra":{"Token":"t","TunnelID":"ep_1"}}',
    );
    expect(parseBindResponse(wire)).toEqual(response);
    expect(parseBindResponse(encodeBindFailure('no')).error).toBe('no');
  });

  it.each([{ Opts: 'x' }, { Opts: [] }, { Extra: { Bindings: [1] } }, { Proto: 1 }])(
    'that is %j is no Bind',
    (value) => {
      expect(() => parseBindRequest(value)).toThrowError(MessageError);
    },
  );
});

describe('the other messages', () => {
  it('Unbind and its answer are as captured', () => {
    expect(parseUnbindRequest(JSON.parse('{"Id":"b1"}'))).toEqual({ id: 'b1' });
    expect(`${JSON.stringify(encodeUnbindRequest({ id: 'b1' }))}\n`).toBe(
      Buffer.from('7b224964223a226231222c224578747261223a6e756c6c7d0a', 'hex').toString(),
    );
    expect(JSON.stringify(encodeUnbindResponse(''))).toBe(
      Buffer.from('7b224572726f72223a22222c224578747261223a6e756c6c7d', 'hex').toString(),
    );
  });

  it('commands name every field', () => {
    const update = { version: '2.0.0', permitMajorVersion: false };
    expect(JSON.stringify(encodeUpdateRequest(update))).toBe('{"Version":"2.0.0","PermitMajorVersion":false}');
    expect(parseUpdateRequest(encodeUpdateRequest(update))).toEqual(update);
    const stop = { id: 'b1', message: 'm', errorCode: 'ERR_NGROK_334' };
    expect(JSON.stringify(encodeStopTunnelRequest(stop))).toBe('{"Id":"b1","Message":"m","ErrorCode":"ERR_NGROK_334"}');
    expect(parseStopTunnelRequest(encodeStopTunnelRequest(stop))).toEqual(stop);
    expect(parseErrorField({})).toBe('');
    expect(parseErrorField({ error: 'no' })).toBe('no');
  });

  it('a patch changes what it names', () => {
    const patch = parsePatchTunnelStateRequest({ TunnelId: 'ep_1', Metadata: '', PoolingEnabled: false });
    expect(patch).toEqual({
      tunnelId: 'ep_1',
      name: null,
      description: null,
      metadata: '',
      poolingEnabled: false,
      trafficPolicy: null,
    });
    expect(encodePatchTunnelStateRequest(patch)).toEqual({ TunnelId: 'ep_1', Metadata: '', PoolingEnabled: false });
  });

  it('labels and server info', () => {
    const request = parseLabelRequest({ Labels: { a: 'b' }, ForwardsTo: 'x', Metadata: 'm' });
    expect(request.labels.get('a')).toBe('b');
    expect(encodeLabelRequest(request)).toEqual({
      Labels: { a: 'b' },
      ForwardsTo: 'x',
      ForwardsProto: '',
      Metadata: 'm',
    });
    expect(() => parseLabelRequest({ Labels: { a: 1 } })).toThrowError(MessageError);
    expect(parseServerInfo(encodeServerInfo({ region: 'eu' }))).toEqual({ region: 'eu' });
  });
});
