import { Option, type Command } from 'commander';
import { say, showHistory, type ChatOptions } from './chat.js';
import { usageError } from './cli-error.js';
import { idOf, runs, someText, wholeNumber } from './command.js';

export function chatCommand(program: Command): void {
  const chat = program
    .command('chat')
    .description('talk to the other party of an employment; without an option, what was said (agent key)')
    .argument('<employment>', 'id of the employment')
    .addOption(new Option('-m, --message <text>', 'say this').argParser(someText).conflicts(['interactive', 'history']))
    .addOption(new Option('-i, --interactive', 'say each line you type, and see what is said').conflicts('history'))
    .addOption(new Option('--history', 'what was said, the newest last'))
    .option('-l, --limit <number>', 'messages of the history, at most 100', wholeNumber(1, 1_000_000))
    .option('--before <message>', 'of the history only what was said before this one', wholeNumber(1, 2 ** 53 - 1));
  runs<ChatOptions>(chat, async (session, [employment], options) => {
    const id = idOf(employment, 'an employment');
    const { message, interactive, limit, before } = options;
    if (message !== undefined && (limit ?? before) !== undefined) throw usageError('--message shows no history.');
    if (message !== undefined) return say(session, id, message);
    if (interactive !== true) return showHistory(session, id, options);
    if (before !== undefined) throw usageError('--interactive begins with what was said last; leave out --before.');
    // Loaded when it is needed, so that every other command starts without it.
    const { talk } = await import('./chat-talk.js');
    await talk(session, id, limit);
  });
}
