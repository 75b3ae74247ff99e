// Half a second: a busy market adds two jobs a second, and a refund is at most this much later than its deadline.
export const BUCKET_MS = 500;

/** The half second that a deadline lies in. */
export function bucketOf(deadlineMs: number): number {
  return Math.floor(deadlineMs / BUCKET_MS);
}

/** From this moment on every deadline of the bucket has passed. */
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
