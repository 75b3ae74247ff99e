import { Bell } from '../bell.js';

/** Rings when something falls due. The request path only calls `ring`; what the queue loses, the sweep finds a second later. */
export class DeadlineBell extends Bell {}
