import { raceInvocations } from './invocation-races.js';

raceInvocations({});
