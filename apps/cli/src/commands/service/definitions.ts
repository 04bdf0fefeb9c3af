/** What a service manager has to know. */
export interface ServiceInput {
  /** The program and what comes before `start`: `[node, main.js]`, or one executable. */
  readonly command: readonly string[];
  readonly configPath: string;
}

const name = 'portico';
const description = 'Portico agent: public URLs for services of this machine';

function startArgs({ command, configPath }: ServiceInput): string[] {
  return [...command, 'start', '--all', '--config', configPath, '--log', 'stdout', '--log-format', 'logfmt'];
}

/** A unit of systemd, for the system or for one person. */
export function systemdUnit(input: ServiceInput, scope: 'system' | 'user'): string {
  return `[Unit]
Description=${description}
After=network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
ExecStart=${startArgs(input).map(systemdWord).join(' ')}
ExecReload=/bin/kill -HUP $MAINPID
Restart=always
RestartSec=2
TimeoutStopSec=35
NoNewPrivileges=true
${scope === 'system' ? 'ProtectSystem=full\nPrivateDevices=true\nProtectKernelTunables=true\n' : ''}SyslogIdentifier=${name}

[Install]
WantedBy=${scope === 'system' ? 'multi-user.target' : 'default.target'}
`;
}

/** In double quotes, with what systemd would expand taken literally (systemd.service, "Command lines"). */
function systemdWord(word: string): string {
  const escaped = word.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[\w./:=@+-]+$/.test(word) ? escaped : `"${escaped}"`;
}

/** A property list for launchd. */
export function launchdPlist(input: ServiceInput, logPath: string): string {
  const words = startArgs(input).map((word) => `    <string>${xml(word)}</string>`);
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${name}.agent</string>
  <key>ProgramArguments</key>
  <array>
${words.join('\n')}
  </array>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <true/>
  <key>ThrottleInterval</key>
  <integer>2</integer>
  <key>ExitTimeOut</key>
  <integer>35</integer>
  <key>StandardOutPath</key>
  <string>${xml(logPath)}</string>
  <key>StandardErrorPath</key>
  <string>${xml(logPath)}</string>
</dict>
</plist>
`;
}

/** A task of the Windows Task Scheduler that starts with the system and is started again when it ends. */
export function windowsTask(input: ServiceInput): string {
  const [program = '', ...args] = startArgs(input);
  return `<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>${xml(description)}</Description>
  </RegistrationInfo>
  <Triggers>
    <BootTrigger>
      <Enabled>true</Enabled>
    </BootTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>S-1-5-19</UserId>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure>
      <Interval>PT1M</Interval>
      <Count>999</Count>
    </RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>${xml(program)}</Command>
      <Arguments>${xml(args.map(windowsWord).join(' '))}</Arguments>
    </Exec>
  </Actions>
</Task>
`;
}

/** As CommandLineToArgvW reads it: backslashes mean something only before a quote. */
function windowsWord(word: string): string {
  if (!/[\s"]/.test(word)) return word;
  return `"${word.replace(/(\\*)"/g, '$1$1\\"').replace(/\\+$/, '$&$&')}"`;
}

function xml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);
}
