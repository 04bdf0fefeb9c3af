/** What was captured from the official Rust client (protocol notes, section 16). For tests only. */
export const rustAuth =
  '{"Version":["3","2"],"ClientId":"","Extra":{"OS":"linux","Arch":"x86_64","AuthToken":"tok","Version":"1.7.0","Hostname":"","UserAgent":"ngrok-javascript/1.7.0 ngrok-rust/0.18.0","Metadata":"","Cookie":"","HeartbeatInterval":10000000000,"HeartbeatTolerance":15000000000,"UpdateUnsupportedError":"the agent has not defined a callback for this operation","StopUnsupportedError":"the agent has not defined a callback for this operation","RestartUnsupportedError":"the agent has not defined a callback for this operation","ProxyType":"","MutualTLS":false,"ServiceRun":false,"ConfigVersion":"","CustomInterface":false,"CustomCAs":false,"ClientType":"ngrok-javascript"}}';

export const authResponse =
  '{"Version":"3","ClientId":"c0ffee","Error":"","Extra":{"Version":"1","Region":"local","Cookie":"k","AccountName":"","SessionDuration":0,"PlanName":"","Banner":""}}';

export const rustBind =
  '{"Id":"","Proto":"https","ForwardsTo":"up","ForwardsProto":"","Opts":{"Domain":"a.test","Hostname":"","Auth":"","Subdomain":"","HostHeaderRewrite":false,"LocalUrlScheme":null,"ProxyProto":0,"Compression":null,"CircuitBreaker":null,"IPRestriction":null,"BasicAuth":null,"OAuth":null,"OIDC":null,"WebhookVerification":null,"MutualTLSCA":null,"RequestHeaders":null,"ResponseHeaders":null,"WebsocketTCPConverter":null,"UserAgentFilter":null,"TrafficPolicy":null},"Extra":{"Token":"","IPPolicyRef":"","Metadata":"m","Bindings":[],"PoolingEnabled":false}}';

export const rustAllOptions =
  '{"CircuitBreaker":{"error_threshold":0.5},"IPRestriction":{"allow_cidrs":["10.0.0.0/8"],"deny_cidrs":["1.1.1.1/32"]},"BasicAuth":{"credentials":[{"username":"u","cleartext_password":"p:q"}]},"WebhookVerification":{"provider":"github","secret":"s"},"MutualTLSCA":{"mutual_tls_ca":"UEVN"},"RequestHeaders":{"add":["x-a:1"],"remove":["x-b"]},"WebsocketTCPConverter":{},"UserAgentFilter":{"allow":["^a"],"deny":["^b"]}}';

export const proxyHeader =
  '5f000000000000007b224964223a226231222c22436c69656e7441646472223a223139322e302e322e313a31323334222c2250726f746f223a226874747073222c224564676554797065223a2230222c22506173737468726f756768544c53223a66616c73657d';
