// Loaded before a program that a test starts: when the test's process ends in whatever way, its end of this pipe closes, and
// the program must not stay behind.
process.stdin.on('end', () => process.kill(process.pid, 'SIGKILL')).resume();
