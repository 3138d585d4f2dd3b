const blocks = [];
while (true) blocks.push(Buffer.alloc(16 << 20, 1));
