process.argv.slice(2).forEach((a: string) => console.log(a));
