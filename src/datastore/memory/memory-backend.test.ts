import { testBackend } from '../backend.conformance.ts';
import { openMemoryBackend } from './memory-backend.ts';

testBackend('memory', openMemoryBackend);
