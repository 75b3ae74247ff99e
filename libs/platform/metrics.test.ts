import { describe, expect, it, onTestFinished } from 'vitest';
import { figuresOf } from '../../test/support/figures.js';
import { Metrics } from './metrics.js';
import { watchProcess } from './process-metrics.js';

describe('the metrics', () => {
  it('of two applications in one process know nothing of each other', async () => {
    const [one, other] = [new Metrics(), new Metrics()];
    one.counter('c4c_things_total', 'Things.').inc();
    other.counter('c4c_things_total', 'Things.');
    expect((await read(one)).get('c4c_things_total')).toBe(1);
    expect((await read(other)).get('c4c_things_total')).toBe(0);
  });

  it('show a lane by its depth, waits, batches, commits and refusals', async () => {
    const metrics = new Metrics();
    const lane = metrics.lane('open', () => 7);
    lane.waited(3);
    lane.waited(40);
    lane.committed(2, 9);
    lane.refused('full');
    lane.refused('full');
    lane.refused('cancelled');
    expect(Object.fromEntries(await read(metrics))).toMatchObject({
      'c4c_lane_depth{lane="open"}': 7,
      'c4c_lane_wait_seconds_count{lane="open"}': 2,
      'c4c_lane_wait_seconds_sum{lane="open"}': expect.closeTo(0.043),
      'c4c_lane_wait_seconds_bucket{le="0.002",lane="open"}': 0,
      'c4c_lane_wait_seconds_bucket{le="0.004",lane="open"}': 1,
      'c4c_lane_batch_items_bucket{le="1",lane="open"}': 0,
      'c4c_lane_batch_items_bucket{le="2",lane="open"}': 1,
      'c4c_lane_batch_items_sum{lane="open"}': 2,
      'c4c_lane_commit_seconds_sum{lane="open"}': 0.009,
      'c4c_lane_refused_total{lane="open",reason="full"}': 2,
      'c4c_lane_refused_total{lane="open",reason="displaced"}': 0,
      'c4c_lane_refused_total{lane="open",reason="cancelled"}': 1,
    });
  });

  it('show lanes of one name as one, and lanes of different names apart', async () => {
    const metrics = new Metrics();
    metrics.lane('close', () => 2).waited(1);
    metrics.lane('close', () => 3).waited(1);
    metrics.lane('open', () => 10);
    const figures = await read(metrics);
    expect(figures.get('c4c_lane_depth{lane="close"}')).toBe(5);
    expect(figures.get('c4c_lane_depth{lane="open"}')).toBe(10);
    expect(figures.get('c4c_lane_wait_seconds_count{lane="close"}')).toBe(2);
  });

  it('put a value into the first bucket that holds it, the last one above all bounds', async () => {
    const metrics = new Metrics();
    const series = metrics.histogram('c4c_sizes', 'Sizes.', [1, 10]).labels({ what: 'a "b"\\\n' });
    for (const value of [0, 1, 1.5, 10, 11, 1_000]) series.observe(value);
    const text = await metrics.text();
    const labels = 'what="a \\"b\\"\\\\\\n"';
    expect(text.split('\n').filter((line) => line.startsWith('c4c_sizes'))).toEqual([
      `c4c_sizes_bucket{le="1",${labels}} 2`,
      `c4c_sizes_bucket{le="10",${labels}} 4`,
      `c4c_sizes_bucket{le="+Inf",${labels}} 6`,
      `c4c_sizes_sum{${labels}} 1023.5`,
      `c4c_sizes_count{${labels}} 6`,
    ]);
    expect(figuresOf(text).size).toBe(5);
  });

  it('ask the database once for several scrapes, and whoever offers a figure first', async () => {
    const metrics = new Metrics();
    let asked = 0;
    metrics.sample('c4c_depth', 'Depth.', () => Promise.resolve(++asked));
    metrics.sample('c4c_depth', 'Depth.', () => Promise.resolve(99));
    expect((await read(metrics)).get('c4c_depth')).toBe(1);
    expect((await read(metrics)).get('c4c_depth')).toBe(1);
  });

  it('say NaN for what cannot be had, and still tell the rest', async () => {
    const metrics = new Metrics();
    metrics.sample('c4c_away', 'Away.', () => Promise.reject(new Error('down')));
    metrics.sample('c4c_silent', 'Silent.', () => new Promise(() => undefined));
    metrics.gauge('c4c_here', 'Here.', () => 1);
    const figures = await read(metrics);
    expect(figures.get('c4c_away')).toBeNaN();
    expect(figures.get('c4c_silent')).toBeNaN();
    expect(figures.get('c4c_here')).toBe(1);
  });

  it('tell of the process: CPU, memory and a loop that was blocked', async () => {
    const metrics = new Metrics();
    onTestFinished(watchProcess(metrics));
    // The delay is measured from the loop's first turn on.
    await new Promise((resolve) => setTimeout(resolve, 60));
    const until = performance.now() + 200;
    while (performance.now() < until);
    await new Promise((resolve) => setTimeout(resolve, 60));
    const figures = await read(metrics);
    expect(figures.get('nodejs_eventloop_lag_max_seconds')).toBeGreaterThan(0.15);
    expect(figures.get('nodejs_eventloop_lag_p50_seconds')).toBeLessThan(0.15);
    expect(figures.get('nodejs_eventloop_utilization')).toBeGreaterThan(0.4);
    expect(figures.get('process_cpu_seconds_total')).toBeGreaterThan(0.15);
    expect(figures.get('process_resident_memory_bytes')).toBeGreaterThan(10_000_000);
    expect(figures.get('process_start_time_seconds')).toBeCloseTo(performance.timeOrigin / 1_000, 1);
  });

  it('leave nothing behind that keeps the process alive', () => {
    const before = process.getActiveResourcesInfo().length;
    watchProcess(new Metrics())();
    expect(process.getActiveResourcesInfo()).toHaveLength(before);
  });
});

async function read(metrics: Metrics): Promise<Map<string, number>> {
  return figuresOf(await metrics.text());
}
