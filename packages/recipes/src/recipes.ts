/** What a recipe is filled in with. */
export interface RecipeFacts {
  /** `host:port` where agents dial in. */
  readonly address: string;
  /** The root certificate, as a file on the machine of the program. */
  readonly caFile: string;
  readonly authtoken: string;
  /** A free name under the base domain. */
  readonly host: string;
}

export type RecipeLanguage = 'javascript' | 'go' | 'python' | 'rust' | 'java';

/** An official SDK, and the lines by which it finds its way here instead of to the service that it was made for. */
export interface Recipe {
  readonly language: RecipeLanguage;
  readonly title: string;
  /** The package and the version that it was run with. */
  readonly package: string;
  /** The command that adds it to a program. */
  readonly install: string;
  /** Forwards a name to port 3000. The text stands in a program as it is. */
  code(facts: RecipeFacts): string;
}

/** Nothing else in a program changes: two options, the address and the certificate, make the difference. */
export const recipes: readonly Recipe[] = [
  {
    language: 'javascript',
    title: 'JavaScript',
    package: '@ngrok/ngrok 1.7.0',
    install: 'npm install @ngrok/ngrok',
    code: ({ address, caFile, authtoken, host }) => `import { readFile } from 'node:fs/promises';
import ngrok from '@ngrok/ngrok';

const listener = await ngrok.forward({
  addr: 3000, authtoken: ${quoted(authtoken)}, domain: ${quoted(host)},
  server_addr: ${quoted(address)},
  session_ca_cert: await readFile(${quoted(caFile)}, 'utf8'),
});
console.log(listener.url());
process.stdin.resume(); // a listener alone does not keep a program running`,
  },
  {
    language: 'go',
    title: 'Go',
    package: 'golang.ngrok.com/ngrok/v2 v2.1.1',
    install: 'go get golang.ngrok.com/ngrok/v2',
    code: ({
      address,
      caFile,
      authtoken,
      host,
    }) => `pem, _ := os.ReadFile(${doubleQuoted(caFile)}); pool := x509.NewCertPool(); pool.AppendCertsFromPEM(pem)
agent, err := ngrok.NewAgent(ngrok.WithAuthtoken(${doubleQuoted(authtoken)}),
	ngrok.WithAgentConnectURL(${doubleQuoted(address)}), ngrok.WithAgentConnectCAs(pool))
endpoint, err := agent.Forward(ctx, ngrok.WithUpstream("http://localhost:3000"),
	ngrok.WithURL(${doubleQuoted(`https://${host}`)}))`,
  },
  {
    language: 'python',
    title: 'Python',
    package: 'ngrok 1.4.0',
    install: 'pip install ngrok',
    code: ({ address, caFile, authtoken, host }) => `import ngrok

listener = ngrok.forward(
    3000, authtoken=${doubleQuoted(authtoken)}, domain=${doubleQuoted(host)},
    server_addr=${doubleQuoted(address)},
    session_ca_cert=bytearray(open(${doubleQuoted(caFile)}, "rb").read()),
)
print(listener.url())`,
  },
  {
    language: 'rust',
    title: 'Rust',
    package: 'ngrok 0.18.0',
    install: 'cargo add ngrok',
    code: ({ address, caFile, authtoken, host }) => `let session = ngrok::Session::builder()
    .authtoken(${doubleQuoted(authtoken)}).server_addr(${doubleQuoted(address)})?
    .ca_cert(std::fs::read(${doubleQuoted(caFile)})?.into()).connect().await?;
let mut forwarder = session.http_endpoint().domain(${doubleQuoted(host)})
    .listen_and_forward("http://localhost:3000".parse()?).await?;
println!("{}", forwarder.url());`,
  },
  {
    language: 'java',
    title: 'Java',
    package: 'com.ngrok:ngrok-java 1.0.1',
    install: 'com.ngrok:ngrok-java and com.ngrok:ngrok-java-native, with the classifier of your system',
    code: ({ address, caFile, authtoken, host }) => `var session = Session.withAuthtoken(${doubleQuoted(authtoken)})
    .serverAddr(${doubleQuoted(address)})
    .caCert(Files.readAllBytes(Path.of(${doubleQuoted(caFile)}))).connect();
var forwarder = session.httpEndpoint().domain(${doubleQuoted(host)})
    .forward(new URL("http://localhost:3000"));
System.out.println(forwarder.getUrl());`,
  },
];

/** As a string literal of JavaScript; the facts come from the installation and hold no line ends. */
function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

/** As a string literal of the other languages. */
function doubleQuoted(text: string): string {
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}
