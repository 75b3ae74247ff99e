import type { Command } from 'commander';
import { ApiError, usageError } from './cli-error.js';
import { rowOf, textOf, time, type Row } from './answer.js';
import { ask, passwords } from './ask.js';
import { runs, someText } from './command.js';
import { writeConfig } from './config-file.js';
import { canAsk } from './confirm.js';
import { keyLines } from './owner.view.js';
import { DEFAULT_PROFILE, withoutSession, withValues } from './profile.js';
import type { Session } from './session.js';
import { checkEndpoint } from './settings.js';
import { pairs } from './table.js';

type Typed = { passwordStdin?: boolean };
type SignUpOptions = Typed & { name?: string; email?: string };

const FROM_INPUT = ['--password-stdin', 'read the password from standard input'] as const;

export function loginCommands(owner: Command): void {
  const signUp = owner
    .command('signup')
    .description('become an owner, with a link that an administrator or the launcher gave you')
    .argument('<link>')
    .option('-n, --name <name>', 'your name (default: asks)', someText)
    .option('-e, --email <address>', 'to sign in with; without one it is the name', someText)
    .option(...FROM_INPUT);
  runs<SignUpOptions>(signUp, signUpWith, { makesProfile: true });

  const login = owner
    .command('login')
    .description('sign in; the session is kept in the configuration, beside the key')
    .argument('[login]', 'your e-mail address or name (default: asks)')
    .option(...FROM_INPUT);
  runs<Typed>(login, signIn, { makesProfile: true });

  runs(owner.command('logout').description('end the session and forget it'), signOut);

  runs(owner.command('whoami').description('who you are here'), async (session) => {
    const data = await session.api('owner').data({ path: '/owner' });
    session.out.result(data, () => ownerLines(rowOf(data)));
  });

  runs(owner.command('rename').description('change your name').argument('<name>'), async (session, [name]) => {
    const data = await session.api('owner').data({ method: 'PATCH', path: '/owner', body: { name } });
    session.out.result(data, () => ownerLines(rowOf(data)));
  });

  const password = owner
    .command('password')
    .description('change the password; your other sessions end')
    .option('--password-stdin', 'read the current and the new one from standard input, a line each');
  runs<Typed>(password, async (session, _, { passwordStdin }) => {
    const api = session.api('owner');
    const labels = [{ label: 'Current password' }, { label: 'New password', isNew: true }];
    const [current, fresh] = await passwords(labels, passwordStdin);
    const data = await api.data({ method: 'POST', path: '/owner/password', body: { current, new: fresh } });
    session.out.result(data, () => [textOf(data, 'message') ?? 'Changed.']);
  });

  const setLogin = owner
    .command('set-login')
    .description('a login for who has a key only, or has forgotten the password (owner key)')
    .argument('<login>', 'an e-mail address or a name')
    .option(...FROM_INPUT);
  runs<Typed>(setLogin, async (session, [name], { passwordStdin }) => {
    const api = session.api('owner');
    const [word] = await passwords([{ label: 'New password', isNew: true }], passwordStdin);
    const data = await api.data({ method: 'POST', path: '/owner/login', body: { login: name, password: word } });
    session.out.result(data, () => ownerLines(rowOf(data)));
  });
}

async function signUpWith(
  session: Session,
  [link = '']: readonly string[],
  { name, email, passwordStdin }: SignUpOptions,
): Promise<void> {
  const { endpoint, token } = linkParts(link);
  const [answered] = name === undefined && passwordStdin !== true && canAsk() ? await ask([{ label: 'Name' }]) : [name];
  if (answered === undefined) throw usageError('Say with --name who you are.');
  const [password] = await passwords([{ label: 'New password', isNew: true }], passwordStdin);
  const data = await session
    .at(endpoint)
    .data({ method: 'POST', path: '/signup', body: { token, name: answered, email, password } });
  const made = rowOf(data);
  keepSession(session, textOf(made['session'], 'token'), endpoint);
  session.out.result(data, () => [
    ...ownerLines(rowOf(made['owner'])),
    ...keyLines(made['key']),
    signedInLine(session, rowOf(made['session'])),
  ]);
}

async function signIn(session: Session, [login]: readonly string[], { passwordStdin }: Typed): Promise<void> {
  const [name] = login === undefined && passwordStdin !== true && canAsk() ? await ask([{ label: 'Login' }]) : [login];
  if (name === undefined) throw usageError('Say as whom: c4c owner login LOGIN.');
  const [password] = await passwords([{ label: 'Password' }], passwordStdin);
  const endpoint = session.settings.endpoint.value;
  const data = await session.at(endpoint).data({ method: 'POST', path: '/sessions', body: { login: name, password } });
  keepSession(session, textOf(data, 'token'), endpoint);
  session.out.result(data, () => [...ownerLines(rowOf(rowOf(data)['owner'])), signedInLine(session, rowOf(data))]);
}

/** A session that the server knows no more is forgotten all the same. */
async function signOut(session: Session): Promise<void> {
  if (session.profile.values.session_token === undefined) {
    throw usageError(`You are not signed in (${whereOf(session)}).`);
  }
  const { session_token: token, session_endpoint: endpoint = session.settings.endpoint.value } = session.profile.values;
  const request = { method: 'DELETE', path: '/owner/sessions/current' } as const;
  const data = await session
    .at(endpoint, token)
    .data(request)
    .catch((error: unknown) => {
      if (error instanceof ApiError && error.status === 401) return { message: 'The session had ended before' };
      throw error;
    });
  writeConfig(session.file.path, withoutSession(session.file.config, session.profile.name));
  session.out.result(data, () => [textOf(data, 'message') ?? 'Signed out.']);
}

/** Kept for the server that it was opened at. One whose address nobody has told yet is from now on the profile's. */
function keepSession(session: Session, token: string | undefined, endpoint: string): void {
  if (token === undefined) throw usageError('The server has opened no session.');
  const { file, profile, out, settings } = session;
  const isFirst = profile.values.api_endpoint === undefined && profile.values.api_token === undefined;
  const changes = {
    session_token: token,
    session_endpoint: endpoint,
    ...(isFirst ? { api_endpoint: endpoint } : {}),
  };
  writeConfig(file.path, withValues(file.config, profile.name, changes));
  if (!isFirst && settings.endpoint.value !== endpoint) {
    out.note(
      `Note: the session is for ${endpoint}, and this profile speaks to another server: add --endpoint ${endpoint}.`,
    );
  }
  if (settings.token !== undefined && settings.token.source !== 'file') {
    out.note('Note: a key is set by C4C_API_TOKEN or --api-key and comes before the session.');
  }
}

/** @throws {CliError} usage */
function linkParts(link: string): { endpoint: string; token: string } {
  const [, origin, token] = /^(https?:\/\/.+)\/signup\/([\w~.-]+)$/.exec(link.trim()) ?? [];
  if (origin === undefined || token === undefined) {
    throw usageError('The link must be an address such as http://127.0.0.1:8787/signup/TOKEN; copy it whole.');
  }
  return { endpoint: checkEndpoint(origin), token };
}

function ownerLines(row: Row): string[] {
  return pairs([
    ['Owner', `${String(row['name'])} (${String(row['id'])})`],
    ['Login', row['login']],
    ['E-mail', row['email'] === row['login'] ? undefined : row['email']],
    ['Created', time(row['createdAt'])],
  ]);
}

function signedInLine(session: Session, row: Row): string {
  return `You are signed in (${whereOf(session)}), until ${time(row['expiresAt'])} and longer while you use it.`;
}

function whereOf({ profile, file }: Session): string {
  return profile.name === DEFAULT_PROFILE ? file.path : `profile ${profile.name}`;
}
