// Half a second: a busy market adds two jobs a second, and what rings is at most this much later than it was asked for.
const BUCKET_MS = 500;

/** The half second that a moment lies in. */
export function bucketOf(atMs: number): number {
  return Math.floor(atMs / BUCKET_MS);
}

/** From this moment on every moment of the bucket has passed. */
export function bucketEndMs(bucket: number): number {
  return (bucket + 1) * BUCKET_MS;
}

/** The job's id. BullMQ takes neither colons nor ids of digits only. */
export function jobIdOf(bucket: number): string {
  return `due-${bucket}`;
}

/** The bucket that a job stands for, or undefined for a job that is none of ours. */
export function bucketOfJob(jobId: string): number | undefined {
  const match = /^due-(\d{1,15})$/.exec(jobId);
  return match?.[1] === undefined ? undefined : Number(match[1]);
}
