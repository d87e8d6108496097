import { parentPort, workerData } from 'node:worker_threads';
import { type DocumentJob, runDocumentJob } from './document-job.ts';

// The thread of one job: its memory goes with it.
parentPort?.postMessage(await runDocumentJob(workerData as DocumentJob));
