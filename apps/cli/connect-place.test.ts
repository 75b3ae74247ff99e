import { beforeEach, expect, it } from 'vitest';
import { Place } from './connect-place.js';

let place: Place;
beforeEach(() => {
  place = new Place();
});

it('begins where the server says', () => {
  expect(place.health(false, [])).toEqual({ connected: false, lastSeq: 0, lag: 0, inFlight: 0 });
  place.welcomed({ head: 50, acked: 41 });
  expect(place.health(true, [])).toEqual({ connected: true, lastSeq: 41, lag: 9, inFlight: 0 });
});

it('stands before the oldest event that is in hand', () => {
  place.welcomed({ head: 50, acked: 41 });
  for (const seq of [42, 43, 44]) place.handedOut(seq);
  expect(place.health(true, [44, 43])).toMatchObject({ lastSeq: 42, lag: 8, inFlight: 2 });
  expect(place.health(true, [])).toMatchObject({ lastSeq: 44, lag: 6, inFlight: 0 });
});

it('has caught up although the last ones were of other types, or went to another copy', () => {
  place.welcomed({ head: 50, acked: 41 });
  place.handedOut(50);
  expect(place.health(true, [])).toMatchObject({ lastSeq: 50, lag: 0 });
});

it('knows of what came after the welcome', () => {
  place.welcomed({ head: 50, acked: 50 });
  place.handedOut(51);
  expect(place.health(true, [51])).toMatchObject({ lastSeq: 50, lag: 1 });
});

it('goes back with a server that has forgotten', () => {
  place.welcomed({ head: 50, acked: 50 });
  place.welcomed({ head: 7, acked: 3 });
  expect(place.health(true, [])).toMatchObject({ lastSeq: 3, lag: 4 });
});
